# The model alone against readers, by RJafroc's own functions on the Van Dyke data: reader 1 stands in for the model.
# Rscript standalone.R PATH_TO_RJAFROC_SOURCES > standalone.csv   (https://cran.r-project.org/package=RJafroc, 2.1.2)
sources <- file.path(commandArgs(trailingOnly = TRUE)[1], "R")
for (name in c("UtilFigureOfMerit", "UtilFigureOfMerit_ij", "UtilPseudoValues", "DfExtractDataset", "isValidDataset",
               "isValidFom", "EnvironmentVariables", "Df2RJafrocDataset", "StSignificanceTestingCadVsRad"))
  source(file.path(sources, paste0(name, ".R")))
# compiled in the package: the share of pairs in the right order, of the first n_noise and n_signal ratings
TrapezoidalArea <- function(noise, n_noise, signal, n_signal) {
  noise <- noise[1:n_noise]; signal <- signal[1:n_signal]
  mean(outer(signal, noise, ">") + 0.5 * outer(signal, noise, "=="))
}

table <- read.csv("VanDyke.csv")
cat("quantity,value\n")
line <- function(...) cat(sprintf("%s,%.15g\n", ...), sep = "")
for (arm in 1:2) {
  own <- table[table$treatment == arm, ]
  rating <- function(truth) {
    part <- own[own$truth == truth, ]
    tapply(part$rating, list(part$reader, part$case), mean)
  }
  noise <- rating(0); signal <- rating(1)
  k1 <- ncol(noise); k2 <- ncol(signal); j <- nrow(noise)
  nl <- array(-Inf, c(1, j, k1 + k2, 1)); nl[1, , 1:k1, 1] <- noise
  ll <- array(signal, c(1, j, k2, 1))
  truth <- array(NA, c(1, j, k1 + k2, 2)); truth[, , 1:k1, 1] <- 1; truth[, , k1 + 1:k2, 2] <- 1
  set <- list(
    ratings = list(NL = nl, LL = ll, LL_IL = NA),
    lesions = list(perCase = rep(1, k2), IDs = matrix(1, k2, 1), weights = matrix(1, k2, 1)),
    descriptions = list(fileName = "VanDyke", type = "ROC", name = "VanDyke", truthTableStr = truth, design = "FCTRL",
                        modalityID = "1", readerID = as.character(1:j))
  )
  both <- StSignificanceTestingCadVsRad(set, "Wilcoxon", method = "1T-RRRC")
  fixed <- StSignificanceTestingCadVsRad(set, "Wilcoxon", method = "1T-RRFC")
  line(sprintf("%d %s", arm, c("model", "readers", "difference", "low", "high", "t", "df", "p", "cov2", "var_error",
                               "readers low", "readers high")),
       c(both$fomCAD, both$avgRadFom, both$avgDiffFom, both$CIAvgDiffFom, both$Tstat, both$df, both$pval, both$cov2,
         both$varError, both$CIAvgRad))
  line(sprintf("%d cases fixed %s", arm, c("low", "high", "t", "df", "p")),
       c(fixed$CIAvgDiffFom, fixed$Tstat, fixed$df, fixed$pval))
}
