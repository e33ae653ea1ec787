#include "data/ingest/outboxes.h"

namespace mw::ingest {

void DecisionRelay::offer(const Decision& decision) {
    DecisionBox& box = relay_.box();
    if (box.decisions.size() < capacity_) {
        box.decisions.push_back(decision);
    } else {
        box.missed.insert(decision.device.text);
        ++missed_;
    }
    relay_.wake();
}

Result<> ReportRelay::take(DeviceReport report) {
    if (report.body.size() > limits_.body_bytes)
        return Error{Errc::invalid_input, "body of " + std::to_string(report.body.size()) +
                                              " bytes: at most " +
                                              std::to_string(limits_.body_bytes)};
    ReportBox& box = relay_.box();
    if (report.kind == TopicKind::health) {
        auto device = report.device;
        box.newest.insert_or_assign(std::move(device), std::move(report));
    } else {
        if (box.kept.size() >= limits_.waiting || box.bytes >= limits_.waiting_bytes)
            return Error{Errc::overloaded, "too many device reports are waiting"};
        box.bytes += report.body.size();
        box.kept.push_back(std::move(report));
    }
    relay_.wake();
    return {};
}

}  // namespace mw::ingest
