// Event streams of changes. A watch subscribes first and reads the stored changes afterwards, so
// that nothing falls between; what it hears twice it tells by its revision. A client that takes too
// long gets an "expired" event and must list again.
#include <charconv>

#include "domain/selector.h"
#include "surface/api/state.h"

namespace mw::api {
namespace {

struct Event {
    std::uint64_t revision = 0;
    http::ServerEvent text;
};

// One open stream: counted, stoppable, with a bounded queue.
class Watch {
 public:
    Watch(State& state, Caller caller)
        : state_(state),
          caller_(std::move(caller)),
          events_({.capacity = state.options.watch_events_max}),
          open_(std::make_shared<OpenWatch>(
              OpenWatch{[this] { events_.close(); }, [this] { return still_known(); }})) {
        state_.metrics.watches.set(double(++state_.watches));
        std::erase_if(state_.open_watches, [](const auto& open) { return open.expired(); });
        state_.open_watches.push_back(open_);
    }
    ~Watch() { state_.metrics.watches.set(double(--state_.watches)); }
    Watch(const Watch&) = delete;

    void push(Event event) {
        if (expired_ || events_.try_send(std::move(event)) || events_.closed()) return;
        expired_ = true;
        state_.metrics.watches_expired.add();
        events_.close();
    }
    // The token may have been revoked, or a role changed, since the stream was opened.
    bool still_allowed(const policy::Access& access) const {
        const auto who = state_.holder_of(caller_.shown);
        return who && state_.parts.registry.policy()->allowed(*who, access);
    }
    bool still_known() const { return state_.holder_of(caller_.shown).ok(); }
    Task<> send_all(http::EventWriter& writer, std::uint64_t after);

    std::shared_ptr<void> subscription;

 private:
    State& state_;
    Caller caller_;
    Channel<Event> events_;
    std::shared_ptr<OpenWatch> open_;
    bool expired_ = false;
};

Task<> Watch::send_all(http::EventWriter& writer, std::uint64_t after) {
    for (;;) {
        auto event = co_await within(state_.options.watch_heartbeat, events_.receive());
        if (!still_known()) co_return Result<>{};  // revoked: the stream just ends
        if (!event && event.error().code == Errc::timed_out) {
            CO_TRY_VOID(co_await writer.keep_alive());
            continue;
        }
        if (!event) break;
        if (event->revision != 0 && event->revision <= after) continue;  // sent from the store
        http::ServerEvent text = std::move(event->text);
        CO_TRY_VOID(co_await writer.send(std::move(text)));
    }
    if (expired_) {
        http::ServerEvent text{R"({"error":{"code":"overloaded","message":)"
                               R"("changes came faster than they were read; list again"}})",
                               "expired", ""};
        CO_TRY_VOID(co_await writer.send(std::move(text)));
    }
    co_return Result<>{};
}

std::string_view name_of(ResourceChange::What what) {
    switch (what) {
        case ResourceChange::What::created:
            return "created";
        case ResourceChange::What::changed:
            return "changed";
        case ResourceChange::What::deleted:
            return "deleted";
    }
    return "changed";
}

// What one watch wants to hear of.
struct Filter {
    std::string kind;
    Selector labels;
    Selector fields;

    // A resource that no longer matches is as good as deleted for who selected it.
    std::optional<Event> event_of(const ResourceChange& change) const {
        if (change.resource.kind != kind) return std::nullopt;
        auto what = change.what;
        const bool matches = matches_labels(labels, change.resource.labels) &&
                             matches_fields(fields, change.resource);
        if (!matches && what == ResourceChange::What::created) return std::nullopt;
        if (!matches) what = ResourceChange::What::deleted;
        const auto revision = change.resource.revision;
        return Event{revision,
                     {to_json(to_json(change.resource)), std::string(name_of(what)),
                      std::to_string(revision)}};
    }
};

// Who may no longer see it learns that it is gone, and not what it is now.
Resource gone_from(const ResourceChange& change, const Standing& was) {
    Resource seen;
    seen.kind = change.resource.kind, seen.name = change.resource.name;
    seen.domain = was.domain, seen.labels = was.labels;
    seen.generation = change.resource.generation, seen.revision = change.resource.revision;
    seen.created = change.resource.created, seen.updated = change.resource.updated;
    return seen;
}

struct ResourceWatch {
    ResourceWatch(State& state, Caller caller, Filter f)
        : state(state), filter(std::move(f)), watch(state, std::move(caller)) {}

    State& state;
    Filter filter;
    Watch watch;
    std::vector<ResourceChange> stored;  // the first changes, read before the response began
    std::uint64_t after = 0;

    void hear(const ResourceChange& change) {
        if (auto event = event_of(change)) watch.push(std::move(*event));
    }
    // What comes into their reach is new to them, and what leaves it is deleted.
    std::optional<Event> event_of(const ResourceChange& change) const {
        if (change.resource.kind != filter.kind) return std::nullopt;
        const bool now = watch.still_allowed(access_to(Verb::watch, change.resource));
        if (!change.was) return now ? filter.event_of(change) : std::nullopt;
        const bool before = watch.still_allowed(
            {Verb::watch, filter.kind, change.was->domain, &change.was->labels});
        if (now && before) return filter.event_of(change);
        if (now) return filter.event_of({ResourceChange::What::created, change.resource});
        if (!before) return std::nullopt;
        return filter.event_of({ResourceChange::What::deleted, gone_from(change, *change.was)});
    }
    Task<> run(http::EventWriter& writer);
};

Task<> ResourceWatch::run(http::EventWriter& writer) {
    while (!stored.empty()) {
        for (const auto& change : stored) {
            after = change.resource.revision;
            auto event = event_of(change);
            if (!event) continue;
            http::ServerEvent text = std::move(event->text);
            CO_TRY_VOID(co_await writer.send(std::move(text)));
        }
        const std::string kind = filter.kind;
        CO_TRY(stored, co_await state.parts.registry.changes_since(kind, after));
    }
    CO_TRY_VOID(co_await watch.send_all(writer, after));
    co_return Result<>{};
}

// ?from=REV, or what the browser's EventSource sends when it comes back; else from now.
Task<std::uint64_t> starting_revision(State& state, const Request& request, std::string kind) {
    CO_TRY(auto from, number(request, "from", 0, ~std::uint64_t{0} >> 1));
    if (request.query_value("from")) co_return from;
    const auto last = std::string(request.headers.get("Last-Event-ID"));
    std::uint64_t seen = 0;
    const auto* end = last.data() + last.size();
    if (!last.empty() && std::from_chars(last.data(), end, seen).ptr == end) co_return seen;
    ListQuery query;
    query.kind = std::move(kind);
    query.limit = 1;
    CO_TRY(const auto page, co_await state.parts.registry.list(std::move(query)));
    co_return page.revision;
}

}  // namespace

void State::end_unknown_watches() {
    for (const auto& open : open_watches)
        if (const auto watch = open.lock(); watch && !watch->still_known()) watch->stop();
}

Result<> admit_stream(const State& state) {
    if (state.stopping) return Error{Errc::cancelled, "the hub is stopping"};
    if (state.watches >= state.options.watches_max)
        return Error{Errc::overloaded, "too many watches are open; close some, or try later"};
    return {};
}

Task<Response> watch_resources(State& state, const registry::Kind& kind, Caller caller,
                               Request request) {
    CO_TRY_VOID(check_query(request, {"watch", "from", "labelSelector", "fieldSelector"}));
    const auto reach = state.parts.registry.policy()->reach(caller.who, Verb::watch, kind.name);
    if (reach && reach->empty())
        CO_TRY_VOID(state.authorize(caller, {Verb::watch, kind.name, "default"}));
    CO_TRY_VOID(admit_stream(state));
    Filter filter;
    filter.kind = kind.name;
    CO_TRY(filter.labels, parse_label_selector(request.query_value("labelSelector").value_or(""))
                              .context("labelSelector"));
    CO_TRY(filter.fields, parse_field_selector(request.query_value("fieldSelector").value_or(""))
                              .context("fieldSelector"));
    auto open = std::make_shared<ResourceWatch>(state, std::move(caller), std::move(filter));
    auto* heard = open.get();  // the subscription goes with it
    open->watch.subscription = state.parts.registry.subscribe(
        [heard](const ResourceChange& change) { heard->hear(change); });
    std::string kind_name = kind.name;
    CO_TRY(open->after, co_await starting_revision(state, request, kind_name));
    CO_TRY(open->stored, co_await state.parts.registry.changes_since(kind_name, open->after));
    co_return http::event_stream(
        [open](http::EventWriter& writer) -> Task<> { return open->run(writer); });
}

Task<Response> watch_alarms(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"watch", "state"}));
    CO_TRY_VOID(state.authorize(caller, {Verb::watch, "Alarm", "default"}));
    CO_TRY_VOID(admit_stream(state));
    auto watch = std::make_shared<Watch>(state, std::move(caller));
    auto* heard = watch.get();
    const auto wanted = request.query_value("state").value_or("");
    watch->subscription = state.parts.alarms->subscribe([heard, wanted](const Json& alarm) {
        if (!heard->still_allowed({Verb::watch, "Alarm", "default"})) return;
        const auto now = find_string(alarm, "state").value_or("");
        if (!wanted.empty() && now != wanted) return;
        heard->push({0, {to_json(alarm), "alarm", find_string(alarm, "id").value_or("")}});
    });
    co_return http::event_stream(
        [watch](http::EventWriter& writer) -> Task<> { return watch->send_all(writer, 0); });
}

}  // namespace mw::api
