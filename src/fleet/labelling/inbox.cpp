#include "fleet/labelling/inbox.h"

#include "base/log.h"

namespace mw::labelling {
namespace {

constexpr std::size_t event_bytes_max = 64;

Error bad_edge_label(std::string_view what) {
    return {Errc::invalid_input, "edge label: " + std::string(what)};
}

}  // namespace

Result<EdgeAnswer> edge_answer_of(const std::string& device, const std::string& model,
                                  std::string_view body) {
    const auto end = body.find('\n');
    if (end == std::string_view::npos)
        return bad_edge_label("want two lines of JSON: the answer, and the snippet");
    // The second line stays as it was sent: what is parsed may lose the last bit of a number.
    const std::string_view seen = body.substr(end + 1);
    TRY(const Json value, parse_json(body.substr(0, end)));
    TRY(const Json snippet, parse_json(seen));
    if (find_integer(value, "v") != 1) return bad_edge_label("want an object of version 1");
    const auto event = find_string(value, "event");
    const auto said = find_bool(value, "label");
    const auto at = find_integer(value, "labelled_at");
    if (!event || event->empty() || event->size() > event_bytes_max)
        return bad_edge_label("'event' must be text of at most 64 bytes");
    if (!said) return bad_edge_label("'label' must be true or false");
    if (!at) return bad_edge_label("'labelled_at' must be whole nanoseconds since 1970");
    if (find_string(snippet, "device") != device || find_string(snippet, "model") != model)
        return bad_edge_label("device and model of the snippet are not the topic's");
    const auto from = find_integer(snippet, "window_from");
    const auto to = find_integer(snippet, "window_to");
    if (!from || !to) return bad_edge_label("the snippet has no window_from and window_to");
    EdgeAnswer answer;
    labels::Label& label = answer.label;
    label.device = device;
    label.model = model;
    label.asset = find_string(snippet, "asset").value_or("");
    label.version = find_string(snippet, "version").value_or("");
    label.window_from = {*from};
    label.window_to = {*to};
    label.score = find_number(snippet, "score").value_or(0);
    label.decision = find_bool(snippet, "decision").value_or(false);
    label.label = *said;
    label.why = "edge";
    const std::string author = find_string(value, "author").value_or("");
    label.author = "edge:" + device + (author.empty() ? "" : "/" + author);
    label.source = "edge";
    label.labelled_at = {*at};
    label.confidence = find_number(value, "confidence");
    label.event = *event;
    TRY_VOID(labels::check(label));
    answer.snippet = seen;
    return answer;
}

Inbox::Inbox(Loop& here, Loop& there, Take take, Limits limits)
    : there_(there), take_(std::move(take)), limits_(limits), scope_(here) {
    scope_.spawn(carry());
}

Result<std::uint64_t> Inbox::keep(const ingest::DeviceReport& report) {
    TRY(auto answer, edge_answer_of(report.device, report.name, report.body));
    if (waiting_.size() >= limits_.answers || waiting_bytes_ >= limits_.bytes)
        return Error{Errc::overloaded, "too many labels of gateways are waiting"};
    waiting_bytes_ += answer.snippet.size();
    waiting_.push_back(std::move(answer));
    arrived_.set();
    return ++issued_;
}

void Inbox::on_durable(std::function<void(std::uint64_t)> listener) {
    listeners_.push_back(std::move(listener));
}

Task<> Inbox::carry() {
    for (;;) {
        while (waiting_.empty()) {
            arrived_.reset();
            CO_TRY_VOID(co_await arrived_.wait());
        }
        auto answer = std::make_shared<EdgeAnswer>(std::move(waiting_.front()));
        waiting_.pop_front();
        waiting_bytes_ -= answer->snippet.size();
        CO_TRY_VOID(co_await deliver(std::move(answer)));
        ++durable_;
        for (const auto& listener : listeners_) listener(durable_);
    }
}

// While the disk is full or the control loop busy it is offered again; the device waits meanwhile.
Task<> Inbox::deliver(std::shared_ptr<EdgeAnswer> answer) {
    for (;;) {
        auto taking = [answer, take = &take_]() -> Task<> { return (*take)(*answer); };
        auto outcome = co_await run_on(there_, std::move(taking));
        if (outcome || outcome.error().code == Errc::cancelled) co_return std::move(outcome);
        const Errc code = outcome.error().code;
        if (code == Errc::denied || code == Errc::conflict || code == Errc::invalid_input) {
            ++refused_;
            log::warn("labelling.edge_label.refused", {{"device", answer->label.device},
                                                       {"model", answer->label.model},
                                                       {"reason", outcome.error()}});
            co_return Result<>{};
        }
        log::warn("labelling.edge_label.waits", {{"reason", outcome.error()}});
        CO_TRY_VOID(co_await sleep_for(limits_.retry_after));
    }
}

Task<> Inbox::stop() {
    scope_.cancel();
    co_return co_await scope_.join();
}

}  // namespace mw::labelling
