#include "device/updates/machine.h"

#include <algorithm>

#include "base/log.h"
#include "device/updates/update_table.h"
#include "trust/identity/identity.h"

namespace mw::updates {
namespace {

std::string part_path(const std::string& directory, const Journal& journal) {
    std::string path = journal_path(directory, journal.kind, journal.name);
    return path.substr(0, path.rfind('.')) + ".part";
}

std::string times(unsigned n) { return std::to_string(n) + (n == 1 ? " time" : " times"); }

}  // namespace

std::string artifact_path(const std::string& directory, const Artifact& artifact) {
    return artifact.kind == Kind::model
               ? files::join(directory, "bundles/" + artifact.sha256 + ".tar")
               : files::join(directory, "updates/files/" + artifact.sha256);
}

Machine::Machine(Parts parts, std::string directory, Journal journal, MachineOptions options)
    : parts_(parts),
      directory_(std::move(directory)),
      journal_(std::move(journal)),
      options_(options),
      fetch_({parts.workers, parts.files, parts.downloads}, part_path(directory_, journal_)),
      retry_(options.retry_first) {}

void Machine::want(std::optional<Artifact> artifact) {
    const bool same = heard_ && artifact.has_value() == wanted_.has_value() &&
                      (!artifact || artifact->same_entry(*wanted_));
    heard_ = true;
    wanted_ = std::move(artifact);
    if (same) return;
    ++wishes_;
    busy_ = true;
    retry_ = options_.retry_first;
    news_.set();
}

Task<> Machine::run() {
    CO_TRY_VOID(co_await resume());
    for (;;) {
        const std::uint64_t heard = wishes_;
        auto moved = co_await step();
        if (!moved) {  // the disk, mostly
            CO_TRY_VOID(co_await wait_a_little(std::move(moved).error()));
            continue;
        }
        if (*moved || heard != wishes_) continue;
        rest();
        news_.reset();
        CO_TRY_VOID(co_await news_.wait());
    }
}

void Machine::rest() {
    busy_ = false;
    settled_.set();
    changed();
}

Task<> Machine::settled() {
    while (busy_) {
        settled_.reset();
        CO_TRY_VOID(co_await settled_.wait());
    }
    co_return Result<>{};
}

void Machine::changed() {
    if (on_change_) on_change_();
}

Work Machine::work() const {
    Work work;
    if (journal_.target) work.next = *journal_.target;
    work.file = artifact_path(directory_, work.next);
    work.previous = journal_.committed;
    if (work.previous) work.previous_file = artifact_path(directory_, *work.previous);
    work.memory = journal_.memory;
    return work;
}

// ---- after a start

Task<> Machine::resume() {
    const std::string state = journal_.state;
    CO_TRY_VOID(co_await count_start());
    const bool too_often = journal_.target && journal_.starts > journal_.target->watch.restarts_max;
    const bool repeatable = parts_.installer.repeatable();
    Error restarts{Errc::io_failed,
                   "the agent was restarted " + times(journal_.starts) + " while it was " + state};
    Error open_end{Errc::io_failed,
                   "the agent ended while it was " + state + "; how far is not known"};
    if (state == "testing" && too_often) {
        CO_TRY_VOID(co_await refuse(std::move(restarts)));
    } else if ((state == "switching" || state == "rebooting" || state == "watching") && too_often) {
        CO_TRY_VOID(co_await fail(std::move(restarts)));
    } else if ((state == "switching" || state == "committing") && !repeatable) {
        CO_TRY_VOID(co_await fail(std::move(open_end)));
    } else if (state == "rebooting") {
        rebooted_ = true;
    } else if (state == "broken") {
        CO_TRY_VOID(co_await move(journal_, "again"));
    }
    co_return co_await bring_up_what_runs();
}

Task<> Machine::count_start() {
    constexpr std::string_view counted[] = {"testing", "switching", "rebooting", "watching",
                                            "committing"};
    if (std::ranges::find(counted, journal_.state) == std::end(counted)) co_return Result<>{};
    Journal next = journal_;
    ++next.starts;
    co_return co_await save_for_sure(std::move(next), false);
}

Task<> Machine::bring_up_what_runs() {
    const std::string& state = journal_.state;
    if (state == "switching" || state == "rebooting" || state == "reverting")
        co_return Result<>{};  // the step does it
    const bool on_trial = state == "watching" || state == "committing";
    const std::optional<Artifact> runs = on_trial ? journal_.target : journal_.committed;
    if (!runs) co_return Result<>{};
    auto up = co_await parts_.installer.bring_up(*runs, artifact_path(directory_, *runs));
    up_ = up.ok();
    if (!up && up.error().code == Errc::cancelled) co_return up;
    if (up) {
        // What could not be brought up the last time, and was given up then, works again.
        const bool again = !on_trial && journal_.failed &&
                           journal_.failed->what.same_version(*runs) &&
                           update_table().find(state, "adopted");
        if (!again) co_return up;
        Journal next = journal_;
        next.failed.reset();
        co_return co_await move(std::move(next), "adopted");
    }
    log::warn(
        "edge.update.not_brought_up",
        {{"artifact", journal_.name}, {"version", runs->version}, {"reason", up.error().message}});
    if (on_trial) {
        Error why = std::move(up).error().context("after a restart");
        CO_TRY_VOID(co_await fail(std::move(why)));
        co_return Result<>{};
    }
    if (!update_table().find(state, "lost")) co_return Result<>{};  // a new one is coming
    ignore(co_await fetch_.forget(), "it is overwritten or hashed away");
    Journal next = journal_;
    next.target = next.committed;
    next.starts = 0;
    next.memory = JsonObject{};
    co_return co_await move(std::move(next), "lost");
}

// ---- one step

Task<bool> Machine::step() {
    const std::string& state = journal_.state;
    if (state == "downloading") co_return co_await download();
    if (state == "verifying") co_return co_await verify();
    if (state == "staging") co_return co_await stage();
    if (state == "testing") co_return co_await test();
    if (state == "switching") co_return co_await switch_over();
    if (state == "rebooting") co_return co_await reboot();
    if (state == "watching") co_return co_await watch();
    if (state == "committing") co_return co_await commit();
    if (state == "reverting") co_return co_await revert();
    co_return co_await consider();
}

Task<bool> Machine::consider() {
    Journal next = journal_;
    if (!wanted_) {
        if (!heard_ || (journal_.state == "steady" && !journal_.committed && !journal_.failed))
            co_return false;
        if (journal_.committed) {
            auto removed = co_await parts_.installer.remove(*journal_.committed);
            if (!removed && removed.error().code == Errc::cancelled)
                co_return std::move(removed).error();
        }
        next.target.reset(), next.committed.reset(), next.failed.reset();
        up_ = false;
        CO_TRY_VOID(co_await move(std::move(next), "removed"));
        co_return true;
    }
    if (journal_.failed && journal_.failed->what.same_entry(*wanted_)) co_return false;
    const auto& runs = journal_.committed;
    if (runs && runs->same_version(*wanted_) && journal_.state != "broken") {
        if (runs->release == wanted_->release && journal_.state == "steady") co_return false;
        CO_TRY_VOID(co_await adopt(*wanted_));
        co_return true;
    }
    next.target = *wanted_;
    next.failed.reset();
    next.starts = 0;
    next.memory = JsonObject{};
    ignore(co_await fetch_.forget(), "a part of another file is overwritten or hashed away");
    CO_TRY_VOID(co_await move(std::move(next), "wanted"));
    co_return true;
}

Task<> Machine::adopt(Artifact wanted) {
    Journal next = journal_;
    next.failed.reset();
    // The statement that it was committed with needs no second look.
    auto checked =
        journal_.committed->release == wanted.release ? Result<>{} : check_statement(wanted);
    if (!checked) {
        next.failed = Failed{wanted, checked.error().code, checked.error().message};
        co_return co_await move(std::move(next), "refused");
    }
    wanted.counter = std::max(wanted.counter, journal_.committed->counter);
    next.counter_highest = std::max(next.counter_highest, wanted.counter);
    next.counter_sha256 = wanted.sha256;
    next.committed = std::move(wanted);
    co_return co_await move(std::move(next), "adopted");
}

bool Machine::superseded() const {
    if (!heard_) return false;
    if (!wanted_ || !journal_.target) return !wanted_;
    // A newer statement about the same file is adopted once this one stays.
    if (wanted_->same_version(*journal_.target)) return false;
    // What runs is fetched again while the wanted one is known not to work.
    return !(journal_.failed && journal_.failed->what.same_entry(*wanted_));
}

Task<bool> Machine::leave() {
    Work given_up = work();
    ignore(co_await parts_.installer.clean_up(std::move(given_up)), "it is given up");
    ignore(co_await fetch_.forget(), "it is overwritten or hashed away");
    Journal next = journal_;
    next.target.reset();
    next.memory = JsonObject{};
    CO_TRY_VOID(co_await move(std::move(next), "superseded"));
    co_return true;
}

// Who says that this file is this version, and is it the newest word?
Result<> Machine::check_statement(Artifact& a) const {
    TRY(const auto release, identity::verify_release({a.release, a.signature, a.certificate},
                                                     parts_.trust, parts_.clock.now()));
    const auto differs = [](std::string_view what, std::string_view said, std::string_view wanted) {
        return Error{Errc::denied, "the release statement is about " + std::string(what) + " '" +
                                       std::string(said) + "', the entry about '" +
                                       std::string(wanted) + "'"};
    };
    if (release.artifact != to_string(a.kind))
        return differs("kind", release.artifact, to_string(a.kind));
    if (release.name != a.resource()) return differs("version", release.name, a.resource());
    if (release.sha256 != a.sha256) return differs("file", release.sha256, a.sha256);
    if (release.filename != a.filename) return differs("file name", release.filename, a.filename);
    if (release.module != a.module) return differs("module", release.module, a.module);
    const bool same_file = release.sha256 == journal_.counter_sha256;
    if (release.counter < journal_.counter_highest ||
        (release.counter == journal_.counter_highest && !same_file))
        return Error{Errc::denied, "version rollback: this is statement " +
                                       std::to_string(release.counter) + ", and statement " +
                                       std::to_string(journal_.counter_highest) +
                                       " was installed already. Going back needs a new statement"};
    a.size = release.size;
    a.counter = release.counter;
    return {};
}

// ---- ways out

Task<bool> Machine::refuse(Error why) {
    if (why.code == Errc::cancelled) co_return std::move(why);
    Work given_up = work();
    ignore(co_await parts_.installer.clean_up(std::move(given_up)), "it is given up");
    ignore(co_await fetch_.forget(), "it is overwritten or hashed away");
    log::warn("edge.update.refused", {{"artifact", journal_.name},
                                      {"version", journal_.target->version},
                                      {"reason", why.message}});
    Journal next = journal_;
    next.failed = Failed{*journal_.target, why.code, why.message};
    next.target.reset();
    next.memory = JsonObject{};
    CO_TRY_VOID(co_await move(std::move(next), "refused"));
    co_return true;
}

Task<bool> Machine::fail(Error why) {
    if (why.code == Errc::cancelled) co_return std::move(why);
    log::warn("edge.update.failed", {{"artifact", journal_.name},
                                     {"version", journal_.target->version},
                                     {"reason", why.message}});
    Journal next = journal_;
    next.failed = Failed{*journal_.target, why.code, std::move(why.message)};
    CO_TRY_VOID(co_await move(std::move(next), "failed"));
    co_return true;
}

Task<> Machine::move(Journal next, std::string event) {
    const Transition* row = update_table().find(journal_.state, event);
    ASSERT(row != nullptr);
    next.state = std::string(row->to);
    // Back must work with a full disk too: going back again after a restart does no harm.
    const bool must = event != "failed" || !parts_.installer.repeatable();
    CO_TRY_VOID(co_await save_for_sure(std::move(next), must));
    waiting_for_.reset();
    retry_ = options_.retry_first;
    log::info("edge.update.moved",
              {{"artifact", journal_.name}, {"event", event}, {"state", journal_.state}});
    if (on_move_) on_move_(*row);
    changed();
    co_return Result<>{};
}

// The journal decides what runs after a restart: nothing goes on before it is written.
Task<> Machine::save_for_sure(Journal next, bool must) {
    for (nanoseconds delay = options_.retry_first;;
         delay = std::min(2 * delay, options_.retry_most)) {
        auto job = [this, next] { return save(parts_.files, directory_, next); };
        auto saved = co_await parts_.workers.run(std::move(job));
        if (!saved && saved.error().code == Errc::cancelled) co_return std::move(saved);
        if (!saved)
            log::warn("edge.update.journal_not_written",
                      {{"artifact", journal_.name}, {"reason", saved.error().message}});
        if (saved || !must) break;
        CO_TRY_VOID(co_await sleep_for(delay));
    }
    journal_ = std::move(next);
    co_return Result<>{};
}

JsonObject Machine::report() const {
    const auto& runs = journal_.committed;
    const bool on_trial = journal_.state == "watching" || journal_.state == "committing";
    std::string running;
    if (on_trial)
        running = journal_.target->version;
    else if (runs && up_)
        running = runs->version;
    JsonObject object{{"state", "pending"}, {"step", journal_.state}};
    if (wanted_) {
        object["hash"] = wanted_->sha256;
        object["version"] = wanted_->version;
    }
    if (!running.empty()) object["running"] = running;
    if (runs && (!wanted_ || !runs->same_version(*wanted_))) object["previous"] = runs->version;
    if (journal_.counter_highest > 0) object["counter"] = journal_.counter_highest;
    if (journal_.state == "downloading" && fetch_.received() > 0)
        object["received_bytes"] = fetch_.received();
    const bool going_back = journal_.state == "reverting";
    if (wanted_ && journal_.failed && journal_.failed->what.same_entry(*wanted_) && !going_back) {
        object["state"] = "failed";
        object["code"] = to_string(journal_.failed->code);
        object["reason"] = journal_.failed->reason;
    } else if (wanted_ && runs && runs->same_version(*wanted_) && !journal_.target && up_) {
        object["state"] = "applied";
    } else if (waiting_for_) {
        object["reason"] = waiting_for_->message;
    }
    return object;
}

// Until the next try, or until something else is wanted.
Task<> Machine::wait_a_little(Error why) {
    if (why.code == Errc::cancelled) co_return std::move(why);
    if (superseded()) co_return Result<>{};
    log::warn("edge.update.waits", {{"artifact", journal_.name}, {"reason", why.message}});
    waiting_for_ = std::move(why);
    rest();
    news_.reset();
    auto waited = co_await within(retry_, news_.wait());
    if (!waited && waited.error().code == Errc::cancelled) co_return std::move(waited);
    busy_ = true;
    retry_ = std::min(2 * retry_, options_.retry_most);
    co_return Result<>{};
}

}  // namespace mw::updates
