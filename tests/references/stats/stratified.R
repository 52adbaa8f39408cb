# AUC of pairs of one stratum, by survival's concordance.   Rscript stratified.R > stratified.csv   (survival 3.5-3)
library(survival)
table <- read.csv("aSAH.csv")
table$y <- as.integer(table$outcome == "Poor")
cat("quantity,value\n")
for (score in c("s100b", "ndka"))
  for (by in c("gender", "wfns")) {
    found <- concordance(as.formula(sprintf("y ~ %s + strata(%s)", score, by)), data = table)
    cat(sprintf("%s within %s,%.15g\n%s within %s se,%.15g\n", score, by, found$concordance, score, by, sqrt(found$var)))
  }
