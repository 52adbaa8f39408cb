# Firth's estimates by brglm2 for the two data sets in which Heinze & Schemper's logistf is documented.
#
#     Rscript tests/references/tabular/make_firth.R sex2.csv endometrial.csv
#
# R 4.2.2 with brglm2 0.9 (type AS_mean is Firth's estimate). The data are those that R's logistf (sex2: Cytel 2010,
# LogXact 9 user manual) and brglm2 (endometrial: Heinze & Schemper 2002) ship. The column `logistf` of firth.json holds
# what their authors print, estimate, lower and upper 95% profile limit and p: for sex2 the example of logistf's manual,
# for endometrial table II of Heinze & Schemper 2002, Stat Med 21:2409.
suppressPackageStartupMessages(library(brglm2))
files <- commandArgs(trailingOnly = TRUE)
for (item in list(list(files[1], case ~ age + oc + vic + vicl + vis + dia), list(files[2], HG ~ NV + PI + EH))) {
  fit <- glm(item[[2]], data = read.csv(item[[1]]), family = binomial, method = "brglmFit", type = "AS_mean",
             epsilon = 1e-12)
  print(coef(fit)[-1], digits = 10)
}
