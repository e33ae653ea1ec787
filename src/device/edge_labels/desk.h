#pragma once
// Open questions and their answers. An answer is durable on its way to the hub before the person
// hears that it is kept; only then the ring knows. So a power cut in between asks once more, and
// never loses what was confirmed. Belongs to the agent's loop.

#include <functional>
#include <set>

#include "base/metrics.h"
#include "device/edge_labels/ring.h"

namespace mw::edge_labels {

struct Answer {
    std::optional<bool> event;  // none: skipped, nobody could tell
    std::optional<double> confidence;
    std::string author;  // as the person calls themselves; empty: nobody said
};
// {"label": true, false or "skip", "confidence": 0.6, "author": "shift-a"}
Result<Answer> answer_of(const Json& body);

class Desk {
 public:
    // To the hub: yields when the message survives a power cut.
    using Send = std::function<Task<>(std::string model, std::string message)>;
    struct Parts {  // all outlive the desk
        Ring& ring;
        const Clock& clock;  // the hub's time, as far as it is known
        metrics::Registry& metrics;
        Send send;
    };
    explicit Desk(Parts parts);

    JsonArray questions(std::size_t most) const;
    Task<std::string> read(std::string id) { return parts_.ring.read(std::move(id)); }
    // What was said: {"label", "labelled_at"}. Saying the same again sends nothing; another answer
    // is a correction. not_found: it left the ring; conflict: an answer to it is on its way.
    Task<Json> answer(std::string id, Answer answer);
    Json figures() const;
    void measure();  // brings the gauges up to date

 private:
    Parts parts_;
    std::set<std::string> under_way_;
    metrics::Counter& answers_;
    metrics::Gauge& open_;
    metrics::Gauge& bytes_;
    metrics::Gauge& dropped_;
    metrics::Gauge& failures_;
};

}  // namespace mw::edge_labels
