#pragma once
// Distribution functions and their inverses. Arguments outside the domain are the caller's mistake
// and stop the program.

namespace mw::statistics {

double normal_cdf(double z);
double normal_quantile(double p);  // p in (0, 1)
double student_cdf(double t, double degrees);
double student_quantile(double p, double degrees);
double chi_square_cdf(double x, double degrees);
double chi_square_tail(double x, double degrees);  // 1 - cdf, exact far out
double chi_square_quantile(double p, double degrees);
double gamma_quantile(double p, double shape, double scale);
double beta_cdf(double x, double a, double b);
double beta_quantile(double p, double a, double b);

}  // namespace mw::statistics
