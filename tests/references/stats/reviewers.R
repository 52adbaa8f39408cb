# What reviewers ask for: likelihood ratios (epiR), ROC bands and Venkatraman's test (pROC), AC1 and alpha (irrCAC's
# sources, in the folder that the environment variable IRRCAC names: they need no installation).
suppressMessages({library(pROC); library(epiR)})
out <- function(name, value) cat(sprintf("%s,%.17g\n", name, as.numeric(value)), sep = "")
cat("quantity,value\n")
d <- read.csv("aSAH.csv")
y <- as.integer(d$outcome == "Poor")
for (case in list(c("wfns", 4), c("s100b", 0.22))) {
  call <- d[[case[1]]] >= as.numeric(case[2])
  counts <- c(sum(call & y), sum(call & !y), sum(!call & y), sum(!call & !y))
  found <- epi.tests(counts, method = "wilson", digits = 4)$detail
  for (what in c("lr.pos", "lr.neg", "diag.or")) {
    row <- found[found$statistic == what, ]
    out(paste(case[1], what), row$est); out(paste(case[1], what, "low"), row$lower); out(paste(case[1], what, "high"), row$upper)
  }
}
curves <- lapply(c("wfns", "s100b", "ndka"), function(s) roc(y, d[[s]], levels = 0:1, direction = "<", quiet = TRUE))
set.seed(1)
test <- roc.test(curves[[1]], curves[[2]], method = "venkatraman", boot.n = 20000, progress = "none")
out("wfns s100b venkatraman statistic", test$statistic); out("wfns s100b venkatraman p", test$p.value)
test <- roc.test(curves[[1]], curves[[3]], method = "venkatraman", boot.n = 20000, progress = "none")
out("wfns ndka venkatraman statistic", test$statistic); out("wfns ndka venkatraman p", test$p.value)
band <- ci.se(curves[[3]], specificities = c(0.5, 0.7, 0.9), boot.n = 20000, progress = "none")
for (i in 1:3) for (j in c(1, 3)) out(paste("ndka sensitivity at", c(0.5, 0.7, 0.9)[i], c("low", "", "high")[j]), band[i, j])
irr <- Sys.getenv("IRRCAC")
for (file in c("global.R", "weights.gen.r", "agree.coeff3.raw.r")) source(file.path(irr, "R", file))
load(file.path(irr, "data", "cac.raw4raters.RData"))
ratings <- cac.raw4raters[, c("Rater1", "Rater2", "Rater3", "Rater4")]
write.csv(ratings, "raters.csv", row.names = FALSE, na = "")
ac1 <- gwet.ac1.raw(ratings)$est
out("AC1", ac1$coeff.val); out("AC1 se", ac1$coeff.se)
for (scale in c("unweighted", "quadratic", "ratio"))
  out(paste("alpha", scale), krippen.alpha.raw(ratings, weights = scale)$est$coeff.val)
