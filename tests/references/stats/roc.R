# ROC analysis of the aneurysmal subarachnoid haemorrhage data by pROC, and of scores with many ties.
suppressMessages(library(pROC))
out <- function(name, value) cat(sprintf("%s,%.17g\n", name, as.numeric(value)), sep = "")
cat("quantity,value\n")
d <- read.csv("aSAH.csv")
y <- as.integer(d$outcome == "Poor")
scores <- c("wfns", "s100b", "ndka")
curves <- lapply(scores, function(s) roc(y, d[[s]], levels = 0:1, direction = "<", quiet = TRUE))
names(curves) <- scores
for (s in scores) {
  r <- curves[[s]]
  out(paste0(s, " auc"), auc(r))
  out(paste0(s, " var"), var(r))
  ci <- ci.auc(r, method = "delong")
  out(paste0(s, " low"), ci[1]); out(paste0(s, " high"), ci[3])
  out(paste0(s, " pauc specificity 0.9 1"), auc(r, partial.auc = c(1, 0.9)))
  out(paste0(s, " pauc specificity 0.9 1 standardised"),
      auc(r, partial.auc = c(1, 0.9), partial.auc.correct = TRUE) )
  out(paste0(s, " pauc sensitivity 0.8 0.95"),
      auc(r, partial.auc = c(0.95, 0.8), partial.auc.focus = "sensitivity"))
  out(paste0(s, " pauc sensitivity 0.8 0.95 standardised"),
      auc(r, partial.auc = c(0.95, 0.8), partial.auc.focus = "sensitivity", partial.auc.correct = TRUE))
  for (sp in c(0.5, 0.8, 0.9, 0.95))
    out(paste(s, "sensitivity at", sp),
        coords(r, x = sp, input = "specificity", ret = "sensitivity", transpose = TRUE))
}
for (pair in list(c("wfns", "s100b"), c("wfns", "ndka"), c("ndka", "s100b"))) {
  a <- curves[[pair[1]]]; b <- curves[[pair[2]]]
  key <- paste(pair, collapse = " ")
  t <- roc.test(a, b, method = "delong", paired = TRUE)
  out(paste(key, "cov"), cov(a, b))
  out(paste(key, "z"), t$statistic); out(paste(key, "p"), t$p.value)
  out(paste(key, "low"), t$conf.int[1]); out(paste(key, "high"), t$conf.int[2])
  u <- roc.test(a, b, method = "delong", paired = FALSE)
  out(paste(key, "unpaired t"), u$statistic); out(paste(key, "unpaired p"), u$p.value)
  out(paste(key, "unpaired df"), u$parameter)
}
# Two subgroups of different size: the unpaired test proper.
male <- d$gender == "Male"
u <- roc.test(roc(y[male], d$wfns[male], levels = 0:1, direction = "<", quiet = TRUE),
              roc(y[!male], d$wfns[!male], levels = 0:1, direction = "<", quiet = TRUE), method = "delong")
out("male female wfns unpaired t", u$statistic); out("male female wfns unpaired p", u$p.value)
out("male female wfns unpaired df", u$parameter)
# Several classes: the Glasgow outcome scale in three classes and one score a class (Hand & Till 2001).
g <- ifelse(d$gos6 <= 2, "a", ifelse(d$gos6 <= 4, "b", "c"))
p <- cbind(a = d$s100b + d$ndka / 100, b = d$wfns / 5 - d$age / 100, c = -d$s100b - d$wfns / 10)
out("hand till", auc(multiclass.roc(g, p, quiet = TRUE)))
