#pragma once
// Spectrum: what a window holds by frequency. One per extractor; its buffers are made at opening
// for the longest window, so that nothing is allocated later.
//
// Values are taken as evenly spaced. The mean goes, a Hann window is laid over them, zeros fill up
// to a power of two. Bin k of N lies at k / N x rate. A band [low, high) Hz takes the bins in it.

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

namespace mw::features {

struct Band {
    double low = 0, high = 0;  // Hz
};

class Spectrum {
 public:
    explicit Spectrum(std::size_t longest = 1);

    // RMS of what oscillates within the band: the squares of all bands add up to the mean square of
    // the windowed signal about its mean.
    double band(std::span<const double> values, double rate, Band band);
    // The largest kurtosis of a bin's power over eight half-overlapping segments or more, minus 2:
    // 0 for steady noise, -1 for a steady tone, large for impacts (Antoni 2006). NaN below 32
    // values.
    double kurtosis(std::span<const double> values, double rate, Band band);
    // RMS, within `modulation`, of the envelope of what lies in `carrier`: band-pass, analytic
    // signal, magnitude, and then band() of it.
    double envelope(std::span<const double> values, double rate, Band carrier, Band modulation);

 private:
    using Complex = std::complex<double>;
    void load(std::span<const double> values, bool hann);
    void transform(bool back);
    bool within(std::size_t bin, double rate, Band band) const;

    std::vector<Complex> roots_;  // of unity, for the longest transform
    std::vector<Complex> work_;   // the first `size_` hold the spectrum
    std::size_t size_ = 1;
    std::vector<double> held_;    // an envelope
    std::vector<double> second_;  // per bin: sums of power and of its square
    std::vector<double> fourth_;
};

}  // namespace mw::features
