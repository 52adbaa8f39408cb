# Multinomial recalibration (Van Hoorde 2014) of three-class probabilities, drawn here: coefficients and covariance by nnet.
suppressMessages(library(nnet))
out <- function(name, value) cat(sprintf("%s,%.17g\n", name, as.numeric(value)), sep = "")
cat("quantity,value\n")
set.seed(1)
n <- 300
z <- matrix(rnorm(2 * n), n)
true <- cbind(1, exp(0.4 + 1.3 * z[, 1]), exp(-0.3 + 0.8 * z[, 2] + 0.2 * z[, 1]))
y <- apply(true / rowSums(true), 1, function(p) sample(3, 1, prob = p))
told <- cbind(1, exp(z)); told <- told / rowSums(told)
write.csv(data.frame(y = y, p1 = told[, 1], p2 = told[, 2], p3 = told[, 3]), "three_classes.csv", row.names = FALSE)
wald <- function(estimate, covariance) { chi <- drop(t(estimate) %*% solve(covariance, estimate)); c(chi, pchisq(chi, length(estimate), lower.tail = FALSE)) }
fit <- multinom(factor(y) ~ z, trace = FALSE, reltol = 1e-15, maxit = 1000, Hess = TRUE)
found <- wald(as.vector(t(coef(fit))) - c(0, 1, 0, 0, 0, 1), vcov(fit))
out("recalibration statistic", found[1]); out("recalibration p", found[2])
out(paste("coefficient", 1:6), as.vector(t(coef(fit))))
shift <- multinom(factor(y) ~ offset(cbind(0, z)), trace = FALSE, reltol = 1e-15, maxit = 1000)
p <- fitted(shift)[, 2:3]  # nnet has no covariance beside an offset: the information of its fitted probabilities
found <- wald(as.vector(coef(shift)), solve(diag(colSums(p)) - crossprod(p)))
out("in the large statistic", found[1]); out("in the large p", found[2])
