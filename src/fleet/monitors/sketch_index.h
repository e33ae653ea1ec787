#pragma once
// The sketches that are still of use, by key: one that comes again changes nothing. Belongs to the
// control loop. Limits: bytes in memory and age in event time; the oldest windows of a model go.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "insight/drift/drift.h"

namespace mw::monitors {

struct IndexLimits {
    std::size_t bytes_max = std::size_t{128} << 20;
    nanoseconds age_max = hours{24 * 8};  // behind the newest window of the model
};

class SketchIndex {
 public:
    explicit SketchIndex(IndexLimits limits = {}) : limits_(limits) {}

    // False: it was here, or is too old. invalid_input: not a sketch.
    Result<bool> put(const std::string& device, const std::string& model, ByteView body);

    struct Window {
        std::string bundle;
        Timestamp from, to;
    };
    // Of the windows that end after `after`, by device: merged counts. Devices for which `stratum`
    // gives nothing are left out; so are sketches whose bins differ from the device's others.
    std::vector<drift::DeviceCounts> counts(
        const std::string& model, const std::string& bundle, Timestamp after,
        const std::function<std::optional<std::string>(const std::string& device)>& stratum) const;
    // The newest end of a window of this model, and the bundle that most devices have within
    // `length` before it.
    std::optional<Window> newest(const std::string& model, nanoseconds length) const;
    Histogram latency_us(const std::string& model, const std::string& bundle,
                         Timestamp after) const;

    std::size_t sketches() const { return sketches_; }
    std::size_t bytes() const { return bytes_; }

 private:
    // Ordered by time, so that a stretch is read from its beginning.
    using Key = std::tuple<Timestamp, std::string, std::string, std::uint32_t>;  // from, device,
                                                                                 // bundle, part
    struct Entry {
        Timestamp to;
        Bytes body;
    };
    struct Model {
        std::map<Key, Entry> windows;
        Timestamp newest;        // end
        nanoseconds longest{0};  // window
    };
    template <class Visit>
    void visit(const std::string& model, Timestamp after, Visit&& visit) const;
    void trim(Model& model);
    void drop_first(Model& model);

    IndexLimits limits_;
    std::map<std::string, Model> models_;
    std::size_t sketches_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace mw::monitors
