# Proportions and multiplicity in base R.
out <- function(name, value) cat(sprintf("%s,%.17g\n", name, as.numeric(value)), sep = "")
cat("quantity,value\n")
for (pair in list(c(81, 263), c(15, 148), c(0, 20), c(1, 29), c(29, 29))) for (l in c(.95, .99)) for (m in c("wilson", "exact")) {
  test <- if (m == "wilson") suppressWarnings(prop.test(pair[1], pair[2], conf.level = l, correct = FALSE)) else
    binom.test(pair[1], pair[2], conf.level = l)
  key <- paste(m, pair[1], pair[2], l)
  out(paste(key, "low"), test$conf.int[1]); out(paste(key, "high"), test$conf.int[2])
}
out("mcnemar 12 5 p", binom.test(12, 17)$p.value)
p <- c(0.01, 0.04, 0.03, 0.005, 0.2, 0.2, 0.9)
for (i in seq_along(p)) { out(paste("holm", i), p.adjust(p, "holm")[i]); out(paste("bh", i), p.adjust(p, "BH")[i]) }
out("mcnemar 12 5 score p", mcnemar.test(matrix(c(30, 5, 12, 10), 2), correct = FALSE)$p.value)
out("mcnemar 5 0 score p", mcnemar.test(matrix(c(9, 0, 5, 6), 2), correct = FALSE)$p.value)
# Patients of two cases each: the t test of their differences, which is that of their cases' mean difference.
d <- c(0, 1, 1, 2, -1, 0, 0, 1, 2, 0, -1, 1)
t <- t.test(d / 2)
out("patients t", t$statistic); out("patients p", t$p.value); out("patients low", t$conf.int[1]); out("patients high", t$conf.int[2])
