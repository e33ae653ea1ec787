// What happens in each state between the start of an update and its end.

#include "base/log.h"
#include "device/updates/machine.h"

namespace mw::updates {
namespace {

// Not the artifact's fault: the hub or the disk may do better later.
bool may_pass(const Error& error) {
    return error.code == Errc::io_failed || error.code == Errc::timed_out ||
           error.code == Errc::overloaded;
}

Result<std::string> hash_of_file(files::Files& files, const std::string& path) {
    TRY(const auto file, files.open(path, files::Mode::read));
    crypto::Sha256 hash;
    Bytes piece(piece_bytes);
    for (std::uint64_t at = 0;;) {
        TRY(const auto got, file->read_at(at, piece));
        if (got == 0) return to_hex(hash.finish());
        hash.update(ByteView(piece).first(got));
        at += got;
    }
}

// Where its bytes are: the part file until it is staged.
Result<std::optional<std::string>> file_there(files::Files& files, const std::string& part,
                                              const std::string& final_path, std::uint64_t size) {
    for (const std::string& path : {part, final_path}) {
        TRY(const auto bytes, files.size(path));
        if (bytes && *bytes == size) return std::optional<std::string>{path};
    }
    return std::optional<std::string>{};
}

// From the part file to its place, durably. False: it is nowhere.
Result<bool> put_in_place(files::Files& files, const std::string& part,
                          const std::string& final_path) {
    TRY(const auto in_part, files.size(part));
    TRY(const auto in_place, files.size(final_path));
    if (!in_part) return in_place.has_value();
    TRY_VOID(files.make_directories(files::parent_of(final_path)));
    TRY_VOID(files.rename(part, final_path));
    TRY_VOID(files.sync_directory(files::parent_of(final_path)));
    TRY_VOID(files.sync_directory(files::parent_of(part)));
    return true;
}

}  // namespace

Task<bool> Machine::download() {
    if (superseded()) co_return co_await leave();
    hashed_ = false;
    // Before a byte is fetched for it.
    if (auto checked = check_statement(*journal_.target); !checked)
        co_return co_await refuse(std::move(checked).error());
    const Artifact target = *journal_.target;
    const std::string final_path = artifact_path(directory_, target);
    auto look = [this, final_path, size = target.size]() -> Result<bool> {
        TRY(const auto there, parts_.files.size(final_path));
        return there && *there == size;
    };
    CO_TRY(const bool there, co_await parts_.workers.run(std::move(look)));
    if (there) {
        CO_TRY_VOID(co_await move(journal_, "arrived"));
        co_return true;
    }
    std::function<bool()> wanted = [this] { return !superseded(); };
    auto fetched = co_await fetch_.run(target.sha256, target.size, std::move(wanted));
    if (fetched) {
        CO_TRY_VOID(co_await take(*std::move(fetched)));
        co_return true;
    }
    if (superseded()) co_return co_await leave();
    if (!may_pass(fetched.error())) co_return co_await refuse(std::move(fetched).error());
    CO_TRY_VOID(co_await wait_a_little(std::move(fetched).error()));
    co_return true;
}

Task<> Machine::take(Fetch::Outcome outcome) {
    if (outcome.sha256 == journal_.target->sha256) {
        hashed_ = true;
        co_return co_await move(journal_, "arrived");
    }
    const std::string says = "the bytes have SHA-256 " + outcome.sha256 + ", the release says " +
                             journal_.target->sha256;
    if (outcome.resumed) {  // perhaps this disk tore what came earlier: once more from the start
        log::warn("edge.update.fetched_again", {{"artifact", journal_.name}, {"reason", says}});
        co_return co_await fetch_.forget();
    }
    Error why{Errc::corrupt, says};
    CO_TRY_VOID(co_await refuse(std::move(why)));
    co_return Result<>{};
}

Task<bool> Machine::verify() {
    if (superseded()) co_return co_await leave();
    if (auto checked = check_statement(*journal_.target); !checked)
        co_return co_await refuse(std::move(checked).error());
    const Artifact target = *journal_.target;
    const std::string final_path = artifact_path(directory_, target);
    bool fits = hashed_;
    if (!fits) {
        auto look = [this, final_path, target]() -> Result<bool> {
            TRY(const auto at, file_there(parts_.files, fetch_.path(), final_path, target.size));
            if (!at) return false;
            TRY(const auto hash, hash_of_file(parts_.files, *at));
            return hash == target.sha256;
        };
        auto looked = co_await parts_.workers.run(std::move(look));
        if (!looked) {
            CO_TRY_VOID(co_await wait_a_little(std::move(looked).error()));
            co_return true;
        }
        fits = *looked;
    }
    if (fits) {
        CO_TRY_VOID(co_await move(journal_, "verified"));
        co_return true;
    }
    auto drop = [this, final_path]() -> Result<> {
        TRY(const auto there, parts_.files.size(final_path));
        return there ? parts_.files.remove(final_path) : Result<>{};
    };
    ignore(co_await parts_.workers.run(std::move(drop)), "it is overwritten");
    ignore(co_await fetch_.forget(), "it is overwritten");
    CO_TRY_VOID(co_await move(journal_, "lost"));
    co_return true;
}

Task<bool> Machine::stage() {
    if (superseded()) co_return co_await leave();
    Work beside = work();
    auto place = [this, file = beside.file] {
        return put_in_place(parts_.files, fetch_.path(), file);
    };
    auto placed = co_await parts_.workers.run(std::move(place));
    if (!placed) {
        CO_TRY_VOID(co_await wait_a_little(std::move(placed).error()));
        co_return true;
    }
    if (!*placed) {
        CO_TRY_VOID(co_await move(journal_, "lost"));
        co_return true;
    }
    auto staged = co_await parts_.installer.stage(std::move(beside));
    if (!staged && may_pass(staged.error()) && staged.error().code != Errc::timed_out) {
        CO_TRY_VOID(co_await wait_a_little(std::move(staged).error()));
        co_return true;
    }
    if (!staged) co_return co_await refuse(std::move(staged).error());
    Journal next = journal_;
    next.memory = *std::move(staged);
    CO_TRY_VOID(co_await move(std::move(next), "staged"));
    co_return true;
}

Task<bool> Machine::test() {
    if (superseded()) co_return co_await leave();
    Work beside = work();
    auto tested = co_await parts_.installer.test(std::move(beside));
    if (!tested) {
        Error why = std::move(tested).error().context("self-test");
        co_return co_await refuse(std::move(why));
    }
    Journal next = journal_;
    next.memory = *std::move(tested);
    CO_TRY_VOID(co_await move(std::move(next), "passed"));
    co_return true;
}

Task<bool> Machine::switch_over() {
    Work now = work();
    auto switched = co_await parts_.installer.switch_over(std::move(now));
    if (!switched) {
        Error why = std::move(switched).error().context("switching");
        co_return co_await fail(std::move(why));
    }
    Journal next = journal_;
    next.memory = *std::move(switched);
    const bool reboot = find_bool(next.memory, "reboot").value_or(false);
    CO_TRY_VOID(co_await move(std::move(next), reboot ? "reboot" : "switched"));
    co_return true;
}

Task<bool> Machine::reboot() {
    Work now = work();
    auto back = co_await parts_.installer.reboot(std::move(now), rebooted_);
    if (!back) {
        Error why = std::move(back).error().context("rebooting");
        co_return co_await fail(std::move(why));
    }
    Journal next = journal_;
    next.memory = *std::move(back);
    CO_TRY_VOID(co_await move(std::move(next), "rebooted"));
    co_return true;
}

// The clock of this life of the process: a restart begins the time anew, a jump of the wall clock
// does nothing.
Task<bool> Machine::watch() {
    const Watch rule = journal_.target->watch;
    const SteadyTime until = parts_.clock.steady() + rule.duration;
    for (;;) {
        if (superseded()) {
            CO_TRY_VOID(co_await move(journal_, "superseded"));
            co_return true;
        }
        const Figures seen = parts_.installer.figures(journal_.name);
        if (seen.failures > rule.failures_max) {
            Error why{Errc::io_failed, std::to_string(seen.failures) + " failures in " +
                                           std::to_string(seen.decisions) +
                                           " decisions; allowed are " +
                                           std::to_string(rule.failures_max)};
            co_return co_await fail(std::move(why));
        }
        const bool enough = rule.decisions > 0 && seen.decisions >= rule.decisions;
        const nanoseconds left = until - parts_.clock.steady();
        if (enough || left <= nanoseconds{0}) {
            CO_TRY_VOID(co_await move(journal_, "held"));
            co_return true;
        }
        rest();
        news_.reset();
        auto news = co_await within(std::min(left, options_.watch_every), news_.wait());
        if (!news && news.error().code == Errc::cancelled) co_return std::move(news).error();
    }
}

Task<bool> Machine::commit() {
    Work now = work();
    auto committed = co_await parts_.installer.commit(now);
    if (!committed) {
        Error why = std::move(committed).error().context("committing");
        co_return co_await fail(std::move(why));
    }
    Journal next = journal_;
    next.committed = std::exchange(next.target, std::nullopt);
    next.counter_highest = std::max(next.counter_highest, next.committed->counter);
    next.counter_sha256 = next.committed->sha256;
    next.starts = 0;
    next.memory = JsonObject{};
    up_ = true;
    CO_TRY_VOID(co_await move(std::move(next), "committed"));
    auto cleaned = co_await parts_.installer.clean_up(std::move(now));
    if (!cleaned && cleaned.error().code == Errc::cancelled) co_return std::move(cleaned).error();
    co_return true;
}

Task<bool> Machine::revert() {
    Work now = work();
    auto reverted = co_await parts_.installer.revert(now);
    if (!reverted && reverted.error().code == Errc::cancelled)
        co_return std::move(reverted).error();
    up_ = reverted.ok() && journal_.committed.has_value();
    if (!reverted) {
        Error why = std::move(reverted).error().context("going back");
        if (journal_.failed) why.message = journal_.failed->reason + "; then " + why.message;
        co_return co_await fail(std::move(why));
    }
    Journal next = journal_;
    next.target.reset();
    next.starts = 0;
    next.memory = JsonObject{};
    CO_TRY_VOID(co_await move(std::move(next), "reverted"));
    auto cleaned = co_await parts_.installer.clean_up(std::move(now));
    if (!cleaned && cleaned.error().code == Errc::cancelled) co_return std::move(cleaned).error();
    co_return true;
}

}  // namespace mw::updates
