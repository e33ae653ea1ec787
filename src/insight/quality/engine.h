#pragma once
// The streaming judge. State per series, rules per device; see README.md for precedence.

#include <cstddef>
#include <memory>

#include "domain/point.h"
#include "insight/quality/rules.h"
#include "insight/quality/scorecard.h"

namespace mw::quality {

struct Options {
    std::size_t series_max = 1'000'000;  // series beyond it are judged without memory, and counted
    std::size_t findings_max = 20'000;   // of all series together; the oldest go first
};

class Engine {
 public:
    explicit Engine(Options options = {});
    ~Engine();
    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;

    // Sets batch.quality in place. What comes in is the source's quality; what goes out is the
    // worst that holds, by the precedence of README.md. Rules may be another snapshot than last
    // time: the state of each series stays. How points are cut into batches changes nothing.
    void judge(Batch& batch, const Rules& rules);

    // Where the series of a batch's runs are remembered, for batches of the same form: judging by
    // it looks up no name. Valid until forget() of the device. Null: they are not all remembered.
    struct Places;
    std::shared_ptr<const Places> places(const Batch& batch, const Rules& rules);
    void judge(Batch& batch, const Rules& rules, const Places& places);
    // A batch for these places comes soon: brings them nearer, changes nothing.
    static void expect(const Places& places);

    // After a restart: feeds stored points in their order, so that the next point is judged as if
    // nothing had happened. Codes that need the arrival time are not counted again. Source codes
    // of stored points are kept; everything else is judged anew.
    void restore(const Batch& stored, const Rules& rules);

    // A device is gone: its series are forgotten.
    void forget(const DeviceId& device);

    Scorecard scorecard() const;  // sorted by device and signal
    Scorecard scorecard(const DeviceId& device) const;
    // Episodes that overlap [from, to], oldest first, among the findings_max newest.
    std::vector<Finding> findings(const DeviceId& device, Timestamp from, Timestamp to) const;

    std::size_t series() const;
    std::uint64_t unremembered_points() const;  // judged without memory: series_max was reached

 private:
    class Book;
    std::unique_ptr<Book> book_;
};

}  // namespace mw::quality
