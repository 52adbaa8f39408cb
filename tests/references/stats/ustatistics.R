# Unbiased variances of readers' AUCs (Gallas 2006): iMRMC's sources, in the folder that the environment variable IMRMC
# names, on the Van Dyke data and on a part of it in which readers have read different cases.
for (file in c("uStats.R", "utilityFunctions.R", "doAUCMRMC.R", "doROCcurveMRMC.R", "iMRMC_R.R"))
  source(file.path(Sys.getenv("IMRMC"), "R", file))
out <- function(name, value) if (!is.na(value)) cat(sprintf("%s,%.17g\n", name, as.numeric(value)), sep = "")
cat("quantity,value\n")
d <- setNames(read.csv("VanDyke.csv")[, 1:5], c("reader", "arm", "case", "truth", "score"))
study <- function(d) {
  truth <- unique(d[, c("case", "truth")])
  rows <- data.frame(readerID = as.character(d$reader), caseID = as.character(d$case), modalityID = as.character(d$arm),
                     score = d$score)
  truths <- data.frame(readerID = "truth", caseID = as.character(truth$case), modalityID = "truth", score = truth$truth)
  frame <- rbind(truths, rows)
  for (name in c("readerID", "caseID", "modalityID")) frame[[name]] <- factor(frame[[name]])
  frame
}
told <- function(name, d) {
  found <- doIMRMC(study(d))
  total <- found$Ustat
  for (i in seq_len(nrow(total))) for (what in c("AUCA", "varAUCA", "AUCAminusAUCB", "varAUCAminusAUCB"))
    if (!is.null(total[[what]])) out(paste(name, total$modalityA[i], total$modalityB[i], what), total[[what]][i])
  own <- found$perReader
  for (i in seq_len(nrow(own))) for (what in c("varAUCA", "varAUCAminusAUCB"))
    if (!is.null(own[[what]])) out(paste(name, "reader", own$readerID[i], own$modalityA[i], own$modalityB[i], what), own[[what]][i])
}
told("crossed", d)
told("parted", d[(as.integer(factor(d$reader)) + as.integer(factor(d$case))) %% 3 > 0, ])
