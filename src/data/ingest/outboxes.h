#pragma once
// What leaves ingest for the control loop: decisions for the alerts, and what devices say about
// themselves. Both are bounded and neither ever blocks the data loop.

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "data/ingest/relay.h"
#include "data/ingest/topic.h"
#include "domain/decision.h"

namespace mw::ingest {

// Stored decisions in the order in which they came. When the consumer is behind, further ones
// are dropped here and their devices named: it reads those from history, where nothing is missing.
struct DecisionBox {
    std::vector<Decision> decisions;
    std::set<std::string> missed;  // devices
    bool empty() const { return decisions.empty() && missed.empty(); }
};

class DecisionTap {
 public:
    virtual ~DecisionTap() = default;
    virtual void offer(const Decision& decision) = 0;
};

// One message on event, health, sketch, label, reported or reply.
struct DeviceReport {
    TopicKind kind = TopicKind::health;
    std::string device;
    std::string name;  // model of a sketch or label, id of a reply
    std::string body;  // as sent (JSON, but for sketches), at most ReportLimits::body_bytes
    Timestamp arrival;
};

struct ReportLimits {
    std::size_t body_bytes = std::size_t{256} << 10;
    std::size_t waiting = 10'000;  // reports; then the door is told overloaded
    std::size_t waiting_bytes = std::size_t{16} << 20;
};

class DeviceReports {
 public:
    virtual ~DeviceReports() = default;
    // overloaded: the consumer is behind; the message is offered again later.
    virtual Result<> take(DeviceReport report) = 0;
};

// Sketches are counts that nobody can count again, and labels what somebody said once: they are
// durable before they are acknowledged. Owned here; on the data loop.
class ReportKeeper {
 public:
    virtual ~ReportKeeper() = default;
    // Its number; durable when durable() has reached it. invalid_input: it is none; overloaded or
    // io_failed from the disk.
    virtual Result<std::uint64_t> keep(const DeviceReport& report) = 0;
    virtual std::uint64_t durable() const = 0;
    virtual void on_durable(std::function<void(std::uint64_t)> listener) = 0;
};

// Of health the newest per device wins; everything else is kept one by one, in order.
struct ReportBox {
    std::vector<DeviceReport> kept;
    std::map<std::string, DeviceReport> newest;  // health, by device
    std::size_t bytes = 0;                       // of kept
    bool empty() const { return kept.empty() && newest.empty(); }
};

class DecisionRelay final : public DecisionTap {
 public:
    DecisionRelay(Loop& here, Loop& there, std::size_t capacity,
                  Relay<DecisionBox>::Consume consume)
        : capacity_(capacity), relay_(here, there, std::move(consume)) {}
    void offer(const Decision& decision) override;
    std::uint64_t missed() const { return missed_; }
    Task<> flush() { return relay_.flush(); }
    Task<> stop() { return relay_.stop(); }

 private:
    std::size_t capacity_;
    std::uint64_t missed_ = 0;
    Relay<DecisionBox> relay_;
};

class ReportRelay final : public DeviceReports {
 public:
    ReportRelay(Loop& here, Loop& there, ReportLimits limits, Relay<ReportBox>::Consume consume)
        : limits_(limits), relay_(here, there, std::move(consume)) {}
    Result<> take(DeviceReport report) override;
    Task<> flush() { return relay_.flush(); }
    Task<> stop() { return relay_.stop(); }

 private:
    ReportLimits limits_;
    Relay<ReportBox> relay_;
};

}  // namespace mw::ingest
