// Any bytes as a payload, and any payloads as a conversation: no crash, no leak, batches are well
// formed, and what is held stays within its limits.
#include <cmath>
#include <cstdlib>

#include "protocols/payload/payload.h"
#include "protocols/sparkplug/sparkplug.h"

namespace {

using namespace mw;
using namespace mw::sparkplug;

void check(bool holds) {
    if (!holds) std::abort();
}

class CheckedOutlet final : public Outlet {
 public:
    Result<Ticket> store(Batch& batch) override {
        if (full) return Error{Errc::overloaded, "no room"};
        std::uint32_t at = 0;
        for (const Run& run : batch.runs) {
            check(run.begin == at && run.end > run.begin);
            check(payload::check_name(run.signal, 128).ok());
            at = run.end;
        }
        check(at > 0 && at == batch.times.size() && at == batch.values.size() &&
              at == batch.quality.size());
        for (std::size_t i = 0; i < batch.size(); ++i)
            check(std::isfinite(batch.values[i]) || batch.quality[i].is_bad());
        return Ticket{++ticket};
    }
    Result<Ticket> bury(std::string_view, std::string_view, std::string_view reason,
                        ByteView) override {
        check(!reason.empty());
        if (full) return Error{Errc::overloaded, "no room"};
        return Ticket{++ticket};
    }
    void send(std::string topic, Bytes, bool, mqtt::QoS) override {
        check(topic.starts_with(topic_root));
    }
    bool full = false;
    std::uint64_t ticket = 0;
};

}  // namespace

// Messages one behind the other: what and seq (a byte each), size (two), payload.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::string_view topics[] = {"spBv1.0/g/NBIRTH/n",    "spBv1.0/g/NDATA/n",
                                           "spBv1.0/g/DBIRTH/n/d",  "spBv1.0/g/DDATA/n/d",
                                           "spBv1.0/g/NDEATH/n",    "spBv1.0/g/DDEATH/n/d",
                                           "spBv1.0/g/DBIRTH/n/d2", "spBv1.0/g/DDATA/n/d2"};
    Payload payload;
    if (decode({data, size}, payload).ok())
        for (const Metric& metric : payload.metrics) {
            const Number number = number_of(metric, metric.type);
            check(number.value || number.why < Skip::unresolved);
        }
    metrics::Registry registry;
    SimulatedClock clock;
    CheckedOutlet outlet;
    HostOptions options;
    options.held_messages = 4;
    options.held_bytes = 4'096;
    options.metrics_per_node = 32;
    Host host(options, clock, outlet, registry);
    host.declare(std::make_shared<const Addresses>(
        Addresses{{"gw", {"g", "n", ""}}, {"dev", {"g", "n", "d"}}}));
    const auto& held = registry.gauge("millwright_sparkplug_held_bytes", "");
    while (size >= 4) {
        const unsigned what = data[0];
        Bytes body = {0x18, data[1], 1};  // seq, as a varint of two bytes if it is large
        if (data[1] < 0x80) body.pop_back();
        const std::size_t length = std::min<std::size_t>(data[2] | data[3] << 8, size - 4);
        body.insert(body.end(), data + 4, data + 4 + length);
        data += 4 + length;
        size -= 4 + length;
        outlet.full = (what & 0x40) != 0;
        const auto qos = (what & 0x20) != 0 ? mqtt::QoS::at_least_once : mqtt::QoS::at_most_once;
        ignore(host.receive(topics[what & 7], body, qos), "it must only not crash");
        check(held.value() >= 0 && held.value() <= 4'096);
        if ((what & 0x80) != 0) clock.advance(seconds{what & 0x1F});
        host.tick();
    }
    host.stop();
    return 0;
}
