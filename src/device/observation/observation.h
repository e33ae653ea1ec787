#pragma once
// What a model sees on this gateway, counted in its bundle's reference bins, one sketch per window
// of event time. State can be taken and given back at any point, so that a restart neither loses
// nor repeats a decision. Belongs to the agent's loop; a few kB per model.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "insight/drift/drift.h"

namespace mw::observation {

inline constexpr nanoseconds window_default = minutes{10};
inline constexpr nanoseconds window_min = seconds{1};

class Observer {
 public:
    // `bundle`: its SHA-256 in hex.
    Observer(std::shared_ptr<const pipeline::Reference> reference, std::string bundle,
             nanoseconds window = window_default);

    // From the next window on.
    void set_window(nanoseconds window);

    // One decision. NaN where there is no value. Times ascend; when they don't, or when a window is
    // over, what was counted is closed.
    void observe(std::span<const double> features, double score, Timestamp time, double latency_us);
    // Windows that are over, each once.
    std::vector<drift::Sketch> take_closed();
    // The open window, ended early: the model goes.
    std::optional<drift::Sketch> close();

    Bytes checkpoint() const;
    // On a fresh observer. False: it is another bundle's, or not readable; then nothing changes.
    bool restore(ByteView checkpoint);

 private:
    void open_window(Timestamp time);

    std::shared_ptr<const pipeline::Reference> reference_;
    std::string bundle_;
    nanoseconds window_;
    drift::BinCounter counter_;
    std::optional<drift::Sketch> open_;  // its counts are the counter's
    std::vector<drift::Sketch> closed_;
    std::optional<Timestamp> last_;    // decision
    std::optional<Timestamp> newest_;  // begin of a window
    std::uint32_t reopened_ = 0;
};

// The window that was open in a checkpoint of another bundle.
std::optional<drift::Sketch> left_open(ByteView checkpoint);

}  // namespace mw::observation
