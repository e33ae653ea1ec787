#include "device/observation/observation.h"

#include <algorithm>
#include <cmath>

namespace mw::observation {
namespace {

// version, flags, last decision, newest window, reopened, length of the sketch; then the sketch and
// the counter's last bin numbers (docs/formats/sketch.md).
constexpr std::uint8_t version = 1;
constexpr std::size_t head_bytes = 26;

struct Parts {
    std::optional<drift::Sketch> open;
    std::optional<Timestamp> last, newest;
    std::uint32_t reopened = 0;
    ByteView recent;
};

std::optional<Parts> parts_of(ByteView bytes) {
    if (bytes.size() < head_bytes || bytes[0] != version) return std::nullopt;
    Parts parts;
    const auto length = load_le<std::uint32_t>(&bytes[22]);
    if (bytes.size() - head_bytes < length) return std::nullopt;
    if (bytes[1] & 1) parts.last = Timestamp{load_le<std::int64_t>(&bytes[2])};
    if (bytes[1] & 2) parts.newest = Timestamp{load_le<std::int64_t>(&bytes[10])};
    parts.reopened = load_le<std::uint32_t>(&bytes[18]);
    parts.recent = bytes.subspan(head_bytes + length);
    if (length == 0) return parts;
    auto sketch = drift::decode_sketch(bytes.subspan(head_bytes, length));
    if (!sketch) return std::nullopt;
    parts.open = std::move(*sketch);
    return parts;
}

// Latencies spread over a hundred buckets of 1 %; every fourth is enough, and a third of the bytes.
double rounded(double latency_us) {
    static const double step = 4 * std::log((1 + Histogram::alpha) / (1 - Histogram::alpha));
    if (!(latency_us > 0)) return latency_us;
    return std::exp(std::round(std::log(latency_us) / step) * step);
}

Timestamp begin_of(Timestamp time, nanoseconds window) {
    const std::int64_t past = (time.ns % window.count() + window.count()) % window.count();
    return {time.ns - past};
}

}  // namespace

Observer::Observer(std::shared_ptr<const pipeline::Reference> reference, std::string bundle,
                   nanoseconds window)
    : reference_(std::move(reference)),
      bundle_(std::move(bundle)),
      window_(std::max(window, window_min)),
      counter_(reference_) {}

void Observer::set_window(nanoseconds window) { window_ = std::max(window, window_min); }

void Observer::observe(std::span<const double> features, double score, Timestamp time,
                       double latency_us) {
    const bool backwards = last_ && time < *last_;
    if (open_ && (backwards || time >= open_->to))
        if (auto over = close()) closed_.push_back(std::move(*over));
    if (backwards) counter_.interrupt();
    if (!open_) open_window(time);
    last_ = time;
    counter_.add(features, score);
    open_->latency_us.add(rounded(latency_us));
}

void Observer::open_window(Timestamp time) {
    drift::Sketch& sketch = open_.emplace();
    sketch.bundle = bundle_;
    sketch.from = begin_of(time, window_);
    sketch.to = sketch.from + window_;
    if (newest_ && sketch.from <= *newest_)
        sketch.part = ++reopened_;
    else
        newest_ = sketch.from;
}

std::optional<drift::Sketch> Observer::close() {
    if (!open_) return std::nullopt;
    std::optional<drift::Sketch> over = std::move(open_);
    open_.reset();
    over->counts = counter_.take();
    return over;
}

std::vector<drift::Sketch> Observer::take_closed() { return std::exchange(closed_, {}); }

Bytes Observer::checkpoint() const {
    Bytes sketch;
    if (open_) {
        drift::Sketch now = *open_;
        now.counts = counter_.counts();
        sketch = drift::encode(now);
    }
    Bytes bytes(head_bytes);
    bytes[0] = version;
    bytes[1] = static_cast<std::uint8_t>((last_ ? 1 : 0) | (newest_ ? 2 : 0));
    store_le(&bytes[2], last_.value_or(Timestamp{}).ns);
    store_le(&bytes[10], newest_.value_or(Timestamp{}).ns);
    store_le(&bytes[18], reopened_);
    store_le(&bytes[22], static_cast<std::uint32_t>(sketch.size()));
    bytes.insert(bytes.end(), sketch.begin(), sketch.end());
    const Bytes recent = counter_.recent();
    bytes.insert(bytes.end(), recent.begin(), recent.end());
    return bytes;
}

bool Observer::restore(ByteView checkpoint) {
    auto parts = parts_of(checkpoint);
    if (!parts || (parts->open && parts->open->bundle != bundle_)) return false;
    drift::BinCounts counts;
    if (parts->open)
        counts = parts->open->counts;
    else
        counts = counter_.counts();
    if (!counter_.resume(std::move(counts), parts->recent)) return false;
    open_ = std::move(parts->open);
    last_ = parts->last;
    newest_ = parts->newest;
    reopened_ = parts->reopened;
    return true;
}

std::optional<drift::Sketch> left_open(ByteView checkpoint) {
    auto parts = parts_of(checkpoint);
    if (!parts) return std::nullopt;
    return std::move(parts->open);
}

}  // namespace mw::observation
