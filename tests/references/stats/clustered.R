# Limits of agreement where patients have several cases: mean squares (aov) and errors robust to clusters (sandwich), on
# reaction times of lme4's sleepstudy beside a rule of thumb, some measurements taken out.
suppressMessages({library(lme4); library(sandwich)})
out <- function(name, value) cat(sprintf("%s,%.17g\n", name, as.numeric(value)), sep = "")
d <- sleepstudy[seq_len(nrow(sleepstudy)) %% 7 != 0, ]
d$rule <- 250 + 10 * d$Days
write.csv(d[, c("Subject", "Reaction", "rule")], "sleepstudy.csv", row.names = FALSE)
cat("quantity,value\n")
d$difference <- d$Reaction - d$rule
d$middle <- (d$Reaction + d$rule) / 2
squares <- anova(lm(difference ~ Subject, d))[["Mean Sq"]]
size <- table(d$Subject); n <- nrow(d); k <- length(size)
m <- (n - sum(size^2) / n) / (k - 1)
sd <- sqrt((squares[1] - squares[2]) / m + squares[2])
out("between", squares[1]); out("within", squares[2]); out("sd", sd); out("bias", mean(d$difference))
own <- lm(difference ~ 1, d); line <- lm(difference ~ middle, d)
robust <- function(fit) sqrt(diag(vcovCL(fit, cluster = d$Subject, type = "HC0", cadjust = TRUE)))
out("bias se", robust(own)); out("slope", coef(line)[2]); out("slope se", robust(line)[2])
