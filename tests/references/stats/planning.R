# Cases for an external validation (pmvalsampsize's sources, in the folder that the environment variable PMVALSAMPSIZE
# names) and the power of two correlated AUCs (pROC). pmvalsampsize draws linear predictors at random and rounds on its
# way; here its own code runs on the middle quantiles of the same distributions, without rounding and with small steps,
# and once more as it is.
suppressMessages(library(pROC))
out <- function(name, value) cat(sprintf("%s,%.17g\n", name, as.numeric(value)), sep = "")
cat("quantity,value\n")
own <- new.env(parent = globalenv())
source(file.path(Sys.getenv("PMVALSAMPSIZE"), "R", "pmvalsampsize_bin.R"), local = own)
plain <- own$pmvalsampsize_bin
exact <- plain
smooth <- new.env(parent = globalenv())
smooth$round <- function(x, digits = 0) x
smooth$rnorm <- function(n, mean, sd) qnorm(((1:n) - 0.5) / n, mean, sd)
smooth$rbeta <- function(n, shape1, shape2) qbeta(((1:n) - 0.5) / n, shape1, shape2)
environment(exact) <- smooth
ask <- function(f, simobs, step, ...) {
  given <- list(...)
  usual <- list(prevalence = NA, cstatistic = NA, oe = 1, oeciwidth = 0.2, cslope = 1, csciwidth = 0.2, cstatciwidth = 0.1,
    simobs = simobs, lpnormal = NA, lpbeta = NA, lpcstat = NA, tolerance = 0.0005, increment = 0.1, oeseincrement = step,
    seed = 123456, graph = FALSE, trace = FALSE, sensitivity = NA, specificity = NA, threshold = NA, nbciwidth = 0.2,
    nbseincrement = step)
  usual[names(given)] <- given
  suppressMessages(do.call(f, usual))$results_table
}
told <- function(name, table) for (row in rownames(table)) out(paste(name, row), table[row, 1])
cases <- list(
  "normal" = list(prevalence = 0.018, cstatistic = 0.8, lpnormal = c(-5, 2.5), oeciwidth = 1),
  "beta" = list(prevalence = 0.018, cstatistic = 0.8, lpbeta = c(0.5, 0.5), oeciwidth = 1),
  "benefit" = list(prevalence = 0.3, cstatistic = 0.85, lpnormal = c(-1.1, 1.6), oeciwidth = 0.3, csciwidth = 0.3,
                   sensitivity = 0.8, specificity = 0.7, threshold = 0.2, nbciwidth = 0.3),
  "off" = list(prevalence = 0.4, cstatistic = 0.75, lpbeta = c(2, 3), oe = 1.2, oeciwidth = 0.25, cstatciwidth = 0.08,
               sensitivity = 0.65, specificity = 0.72, threshold = 0.35))
for (name in names(cases)) {
  told(paste("exact", name), do.call(ask, c(list(exact, 1e6, 1e-7), cases[[name]])))
  told(paste("plain", name), do.call(ask, c(list(plain, 1e6, 1e-4), cases[[name]])))
}
# the linear predictor from the c-statistic: the search for its mean is random, and cannot be had otherwise
told("plain cstat", ask(plain, 1e6, 1e-4, prevalence = 0.3, cstatistic = 0.85, lpcstat = -1.9, increment = 0.01,
                        threshold = 0.2))
# two correlated AUCs, binormal
pairs <- list(c(0.85, 0.78, 0.5, 0.5, 1), c(0.9, 0.85, 0.3, 0.6, 2.5), c(0.7, 0.8, 0.4, 0.2, 0.5))
for (i in seq_along(pairs)) {
  p <- pairs[[i]]
  list_ <- list(A1 = sqrt(2) * qnorm(p[1]), B1 = 1, A2 = sqrt(2) * qnorm(p[2]), B2 = 1, ra = p[3], rn = p[4],
                delta = p[1] - p[2])
  out(paste("pair", i, "cases for power 0.8"), power.roc.test(list_, power = 0.8, sig.level = 0.05, kappa = p[5])$ncases)
  out(paste("pair", i, "power of 120"), power.roc.test(list_, ncases = 120, ncontrols = 120 * p[5], sig.level = 0.05)$power)
}
