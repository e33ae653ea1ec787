#include "device/agent/source_keeper.h"

#include "base/log.h"

namespace mw::agent {
namespace {

constexpr std::uint64_t known_good_bytes_max = 4 << 20;

Error with_return(Error error) {
    error.message += "; the description before it runs again";
    return error;
}

}  // namespace

SourceKeeper::SourceKeeper(Parts parts, DeviceId device, std::string directory, Options options)
    : parts_(std::move(parts)),
      device_(std::move(device)),
      directory_(std::move(directory)),
      options_(options) {}

SourceKeeper::SourceKeeper(Parts parts, DeviceId device, std::string directory)
    : SourceKeeper(std::move(parts), std::move(device), std::move(directory), Options{}) {}

SourceKeeper::~SourceKeeper() = default;

void SourceKeeper::stop() {
    trials_.clear();
    while (!running_.empty()) running_.erase(running_.begin());
}

std::vector<sources::Source*> SourceKeeper::running() const {
    std::vector<sources::Source*> all;
    for (const auto& [name, running] : running_) all.push_back(running.source.get());
    return all;
}

Task<> SourceKeeper::converge(std::map<std::string, WantedSource> wanted) {
    CO_TRY_VOID(co_await read_known_good());
    retired_.clear();
    std::vector<std::string> gone;
    for (const auto& [name, kept] : kept_)
        if (!wanted.contains(name)) gone.push_back(name);
    for (const auto& name : gone) {
        CO_TRY_VOID(co_await end_trial(name));
        CO_TRY_VOID(co_await stop_one(name));
        kept_.erase(name);
        known_good_.erase(name);
        log::info("edge.source.removed", {{"source", name}});
    }
    for (auto& [name, what] : wanted) {
        const auto kept = kept_.find(name);
        // What failed is not tried again before it changes.
        if (kept != kept_.end() && kept->second.hash == what.hash) continue;
        CO_TRY_VOID(co_await replace(name, what));
    }
    co_return co_await keep_known_good();
}

Task<> SourceKeeper::replace(std::string name, WantedSource wanted) {
    CO_TRY_VOID(co_await end_trial(name));
    const auto found = running_.find(name);
    if (found != running_.end() && found->second.source->reconfigure(wanted.description)) {
        found->second.what = wanted;
        kept_[name] = {"applied", wanted.hash, std::nullopt};
        came_up(name);
        co_return Result<>{};
    }
    auto made = co_await make(name, wanted.description);
    if (!made && made.error().code == Errc::cancelled) co_return std::move(made).error();
    kept_[name] = {"pending", wanted.hash, std::nullopt};
    if (!made) co_return co_await go_back(name, std::move(made).error());
    CO_TRY_VOID(co_await stop_one(name));
    const std::string hash = wanted.hash;
    start(name, std::move(wanted), std::move(*made));
    const auto good = known_good_.find(name);
    const bool has_another = good != known_good_.end() && good->second.hash != hash;
    kept_[name].state = has_another ? "pending" : "applied";
    log::info("edge.source.started", {{"source", name}});
    trials_[name] = std::make_unique<Scope>(parts_.loop);
    trials_[name]->spawn(try_out(name, hash));
    co_return Result<>{};
}

Task<std::unique_ptr<sources::Source>> SourceKeeper::make(std::string name, Json description) {
    auto job = [this, name, description] {
        return sources::make_source(
            description, {device_, name, &parts_.clock, files::join(directory_, "exec.allow")});
    };
    co_return co_await parts_.workers.run(std::move(job));
}

void SourceKeeper::start(const std::string& name, WantedSource what,
                         std::unique_ptr<sources::Source> source) {
    Running& running = running_[name];
    running.what = std::move(what);
    running.source = std::move(source);
    running.ended.reset();
    running.scope = std::make_unique<Scope>(parts_.loop);
    running.scope->spawn(run(name, running));
}

Task<> SourceKeeper::run(std::string name, Running& running) {
    auto outcome = co_await running.source->run(parts_.sink, parts_.checkpoint(name));
    if (outcome || outcome.error().code == Errc::cancelled) co_return std::move(outcome);
    log::warn("edge.source.failed", {{"source", name}, {"reason", outcome.error().message}});
    running.ended = outcome.error();
    // One that is tried out is judged there, and may give way to another.
    if (kept_[name].state != "pending") {
        kept_[name].state = "failed";
        kept_[name].error = std::move(outcome).error();
        parts_.changed();
    }
    co_return Result<>{};
}

// Until it has come up, has failed, or patience ends where there is another to go back to.
Task<> SourceKeeper::try_out(std::string name, std::string hash) {
    const SteadyTime began = parts_.loop.clock().steady();
    for (;;) {
        CO_TRY_VOID(co_await sleep_for(options_.look_every));
        const auto found = running_.find(name);
        if (found == running_.end() || found->second.what.hash != hash) co_return Result<>{};
        const Running& running = found->second;
        if (running.ended) {
            const Error why = *running.ended;
            if (kept_[name].state != "pending") co_return Result<>{};
            co_return co_await go_back(name, why);
        }
        const sources::SourceStatus status = running.source->status();
        if (status.state != "starting") {
            kept_[name] = {"applied", hash, std::nullopt};
            came_up(name);
            parts_.changed();
            co_return co_await keep_known_good();
        }
        if (kept_[name].state != "pending") continue;  // there is nothing to go back to
        if (parts_.loop.clock().steady() - began < options_.patience) continue;
        Error late{Errc::timed_out, "it did not come up within " + to_text(options_.patience)};
        if (!status.refusal.empty()) late.message += " (" + status.refusal + ")";
        co_return co_await go_back(name, late);
    }
}

// Says why the wanted description does not run, and runs the one before it unless that still does.
Task<> SourceKeeper::go_back(std::string name, Error why) {
    log::warn("edge.source.failed", {{"source", name}, {"reason", why.message}});
    kept_[name].state = "failed";
    const auto good = known_good_.find(name);
    const auto found = running_.find(name);
    const bool runs = found != running_.end() && !found->second.ended &&
                      found->second.what.hash != kept_[name].hash;
    if (!runs && good != known_good_.end() && good->second.hash != kept_[name].hash) {
        const WantedSource before = good->second;
        auto made = co_await make(name, before.description);
        if (!made && made.error().code == Errc::cancelled) co_return std::move(made).error();
        CO_TRY_VOID(co_await stop_one(name));
        if (made) {
            start(name, before, std::move(*made));
            why = with_return(std::move(why));
            log::warn("edge.source.went_back", {{"source", name}});
        }
    } else if (runs) {
        why = with_return(std::move(why));
    }
    kept_[name].error = std::move(why);
    parts_.changed();
    co_return Result<>{};
}

Task<> SourceKeeper::stop_one(std::string name) {
    const auto found = running_.find(name);
    if (found == running_.end()) co_return Result<>{};
    found->second.scope->cancel();
    CO_TRY_VOID(co_await found->second.scope->join());
    retired_.push_back(std::move(found->second.source));
    running_.erase(found);
    co_return Result<>{};
}

// Before anything else is done with the source: a trial might be going back just now.
Task<> SourceKeeper::end_trial(std::string name) {
    const auto found = trials_.find(name);
    if (found == trials_.end()) co_return Result<>{};
    found->second->cancel();
    CO_TRY_VOID(co_await found->second->join());
    trials_.erase(name);
    co_return Result<>{};
}

void SourceKeeper::came_up(const std::string& name) { known_good_[name] = running_[name].what; }

Task<> SourceKeeper::read_known_good() {
    if (std::exchange(read_, true)) co_return Result<>{};
    const std::string path = files::join(directory_, "sources.json");
    auto job = [this, path] { return files::read_all(parts_.files, path, known_good_bytes_max); };
    auto bytes = co_await parts_.workers.run(std::move(job));
    if (!bytes && bytes.error().code == Errc::cancelled) co_return std::move(bytes).error();
    const auto json = bytes ? parse_json(text_of(*bytes)) : Result<Json>(Json());
    if (!json || !json->is_object()) co_return Result<>{};  // the first start, or begun anew
    for (const auto& [name, entry] : json->get_object())
        if (const Json* description = find(entry, "description"))
            known_good_[std::string(name)] = {find_string(entry, "hash").value_or(""),
                                              *description};
    co_return Result<>{};
}

Task<> SourceKeeper::keep_known_good() {
    JsonObject all;
    for (const auto& [name, good] : known_good_)
        all[name] = {{"hash", good.hash}, {"description", good.description}};
    const std::string text = to_json(Json(std::move(all)));
    const std::string path = files::join(directory_, "sources.json");
    auto job = [this, path, text] {
        return files::atomic_replace(parts_.files, path, bytes_of(text));
    };
    auto outcome = co_await parts_.workers.run(std::move(job));
    if (!outcome && outcome.error().code == Errc::cancelled) co_return std::move(outcome);
    if (!outcome) log::warn("edge.sources.not_kept", {{"reason", outcome.error().message}});
    co_return Result<>{};
}

std::string SourceKeeper::silent() const {
    if (kept_.empty()) return "this gateway has no source";
    std::string text;
    for (const auto& [name, kept] : kept_) {
        const auto found = running_.find(name);
        const bool ended = found == running_.end() || found->second.ended;
        const std::string state = ended ? "failed" : found->second.source->status().state;
        if (state == "running") continue;
        text += (text.empty() ? "source " : ", source ") + name + ": " + state;
    }
    return text;
}

Json SourceKeeper::report() const {
    JsonObject sources;
    for (const auto& [name, kept] : kept_) {
        JsonObject object{{"state", kept.state}, {"hash", kept.hash}};
        if (kept.error) {
            object["code"] = std::string(to_string(kept.error->code));
            object["reason"] = kept.error->message;
        }
        if (const auto found = running_.find(name); found != running_.end()) {
            const sources::SourceStatus status = found->second.source->status();
            object["running"] = status.state;
            if (found->second.what.hash != kept.hash) object["kept"] = found->second.what.hash;
            if (status.refused > 0) {
                object["refused"] = status.refused;
                object["refusal"] = status.refusal;
            }
            if (status.too_long > 0) object["lines_too_long"] = status.too_long;
            if (status.held_back.count() > 0)
                object["held_back_s"] = static_cast<double>(status.held_back.count()) / 1e9;
            if (status.starts > 0) object["starts"] = status.starts;
        }
        sources[name] = std::move(object);
    }
    return sources;
}

}  // namespace mw::agent
