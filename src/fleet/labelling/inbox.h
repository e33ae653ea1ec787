#pragma once
// Answers that people gave at gateways (docs/formats/edge-labels.md), on their way from the data
// loop to the label log: a device's message is acknowledged when its answer is durable, and comes
// again until then. Belongs to the data loop; `take` runs on the control loop. Limits: 1,000
// answers and 16 MiB wait; then the door is told overloaded.

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "data/ingest/ingest.h"
#include "data/label_log/label_log.h"

namespace mw::labelling {

struct EdgeAnswer {
    labels::Label label;  // without task and use case: the hub knows which
    std::string snippet;  // JSON as it was sent: the raw points that the person saw
};
// invalid_input names what is wrong. The author becomes edge:DEVICE/AUTHOR: the hub vouches for the
// device alone.
Result<EdgeAnswer> edge_answer_of(const std::string& device, const std::string& model,
                                  std::string_view body);

class Inbox final : public ingest::ReportKeeper {
 public:
    // Durable when it yields. denied, conflict, invalid_input: it never will be.
    using Take = std::function<Task<>(EdgeAnswer)>;
    struct Limits {
        std::size_t answers = 1'000;
        std::size_t bytes = std::size_t{16} << 20;
        nanoseconds retry_after = milliseconds{250};
    };
    Inbox(Loop& here, Loop& there, Take take, Limits limits);
    Inbox(Loop& here, Loop& there, Take take) : Inbox(here, there, std::move(take), Limits()) {}

    Result<std::uint64_t> keep(const ingest::DeviceReport& report) override;
    std::uint64_t durable() const override { return durable_; }
    void on_durable(std::function<void(std::uint64_t)> listener) override;
    std::uint64_t refused() const { return refused_; }  // by the label log, for good
    Task<> stop();

 private:
    Task<> carry();
    Task<> deliver(std::shared_ptr<EdgeAnswer> answer);

    Loop& there_;
    Take take_;
    Limits limits_;
    std::deque<EdgeAnswer> waiting_;
    std::size_t waiting_bytes_ = 0;
    std::uint64_t issued_ = 0, durable_ = 0, refused_ = 0;
    std::vector<std::function<void(std::uint64_t)>> listeners_;
    Event arrived_;
    Scope scope_;  // last: its task uses everything above
};

}  // namespace mw::labelling
