#include "device/agent/label_station.h"

#include "base/log.h"
#include "device/agent/topics.h"

namespace mw::agent {

LabelStation::LabelStation(Parts parts, LabelOptions options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      recorder_([this](const edge_labels::Snippet& snippet) { keep(snippet); }) {}

LabelStation::~LabelStation() = default;

Result<std::unique_ptr<LabelStation>> LabelStation::open(Parts parts, LabelOptions options) {
    if (options.serves) TRY_VOID(edge_labels::check(options.page));
    std::unique_ptr<LabelStation> made(new LabelStation(std::move(parts), std::move(options)));
    edge_labels::RingOptions ring;
    ring.directory = files::join(made->parts_.directory, "snippets");
    ring.bytes_max = made->options_.ring_bytes_max;
    TRY(made->ring_, edge_labels::Ring::open(made->parts_.files, made->parts_.loop,
                                             made->parts_.workers, std::move(ring)));
    const auto send = [self = made.get()](std::string model, std::string message) {
        return self->send(std::move(model), std::move(message));
    };
    made->desk_ = std::make_unique<edge_labels::Desk>(
        edge_labels::Desk::Parts{*made->ring_, made->parts_.clock, made->metrics_, send});
    if (!made->options_.serves) return made;
    if (auto opened = made->open_page(); !opened)
        log::error("edge.label_page.not_open", {{"reason", opened.error()}});
    return made;
}

Result<> LabelStation::open_page() {
    edge_labels::Page::Parts parts{parts_.loop, *desk_, metrics_, parts_.device, {}, {}};
    parts.link = [this] {
        return Json{{"connected", parts_.is_connected()},
                    {"unsent", parts_.outbox.figures().unsent_messages}};
    };
    inference_ = std::make_unique<open_inference::Protocol>(
        parts_.models, open_inference::ServerFacts{"millwright-edge", MW_VERSION}, metrics_);
    parts.more = [this](http::Router& router, const edge_labels::Page::Guard& guard) {
        for (auto& route : inference_->routes())
            router.add(route.method, route.pattern, guard(std::move(route.handler)), route.options);
    };
    TRY(page_, edge_labels::Page::open(std::move(parts), options_.page));
    const Json where = {{"url", page_->url()}, {"token", !options_.page.token.empty()}};
    TRY_VOID(files::atomic_replace(parts_.files, files::join(parts_.directory, "label-page.json"),
                                   bytes_of(to_json(where) + "\n")));
    log::info("edge.label_page.opened", {{"url", page_->url()}});
    return {};
}

Result<> LabelStation::configure(const Json& labels) {
    TRY(auto settings, edge_labels::settings_of(labels));
    recorder_.configure(std::move(settings));
    return {};
}

void LabelStation::decided(const ModelRunner& runner, const std::vector<Decision>& decisions) {
    if (decisions.empty()) return;
    const std::string& model = runner.assignment().model;
    edge_labels::Judge judge{runner.assignment().version, runner.signals(), runner.raise_at()};
    if (!recorder_.knows(model, judge)) recorder_.learn(model, judge);
    for (const Decision& decision : decisions) recorder_.decided(decision);
}

// A snippet that the disk refuses is a question less, and nothing worse.
void LabelStation::keep(const edge_labels::Snippet& snippet) {
    const auto kept = ring_->keep(snippet);
    if (!kept && !told_refused_)
        log::warn("edge.snippet.refused", {{"model", snippet.model}, {"reason", kept.error()}});
    told_refused_ = !kept;
}

Task<> LabelStation::send(std::string model, std::string message) {
    const std::string stream = "label/" + model;
    outbox::Entry entry;
    entry.messages.push_back(
        {stream, topic_of(DeviceId{parts_.device}, stream), Bytes(message.begin(), message.end())});
    for (;;) {
        auto outcome = parts_.outbox.append(entry);
        if (outcome) break;
        if (outcome.error().code != Errc::overloaded) co_return outcome;
        CO_TRY_VOID(co_await parts_.outbox.room());
    }
    co_return co_await parts_.outbox.flush();
}

Json LabelStation::figures() const {
    Json figures = desk_->figures();
    if (page_) figures.as_object()["page"] = page_->url();
    return figures;
}

Task<> LabelStation::stop() {
    if (page_) ignore(co_await page_->stop(), "nobody is served any more");
    co_return co_await ring_->stop();
}

}  // namespace mw::agent
