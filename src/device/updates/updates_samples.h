#pragma once
// For tests: a hub that signs and serves, an installer without a model, and one device's life in
// virtual time.

#include <gtest/gtest.h>

#include <filesystem>

#include "base/log.h"
#include "device/updates/updates.h"
#include "trust/identity/identity.h"

namespace mw::updates::samples {

// Its keys are made once for all tests.
struct Authority {
    Authority() {
        identity::AuthorityOptions options;
        options.directory = folder.path() + "/pki";
        ca = *identity::CertificateAuthority::open(files, clock, random, options);
        release = *identity::SigningKey::open(files, clock, *ca, options.directory, "release");
        audit = *identity::SigningKey::open(files, clock, *ca, options.directory, "audit");
        options.directory = folder.path() + "/other";
        other_ca = *identity::CertificateAuthority::open(files, clock, random, options);
        stranger =
            *identity::SigningKey::open(files, clock, *other_ca, options.directory, "release");
        trust = *crypto::TrustStore::make({&ca->root(), 1});
    }
    static Authority& get() {
        static Authority one;
        return one;
    }
    log::Capture quiet;
    files::TemporaryDirectory folder = *files::TemporaryDirectory::make();
    files::RealFiles files;
    SimulatedClock clock;
    SeededRandom random{1};
    std::unique_ptr<identity::CertificateAuthority> ca, other_ca;
    std::unique_ptr<identity::SigningKey> release, audit, stranger;
    crypto::TrustStore trust = *crypto::TrustStore::make({});
};

inline std::string hash_of(std::string_view bytes) {
    return to_hex(crypto::sha256(bytes_of(bytes)));
}

// An entry of the desired document for these bytes.
struct EntryOrder {
    std::string name = "pump";
    std::string version = "1";
    std::string bytes = "bundle 1";
    std::uint64_t counter = 1;
    Kind kind = Kind::model;
    const identity::SigningKey* key = nullptr;  // null: the hub's
    std::string said_name{};                    // in the statement, when it lies
};
inline JsonObject entry_of(EntryOrder o) {
    identity::Release release;
    release.artifact = std::string(to_string(o.kind));
    release.name = o.said_name.empty() ? o.name + "--" + o.version : o.said_name;
    release.sha256 = hash_of(o.bytes);
    release.size = o.bytes.size();
    release.counter = o.counter;
    if (o.kind == Kind::firmware) release.filename = o.name + ".tar", release.module = "recorder";
    const auto& key = o.key ? *o.key : *Authority::get().release;
    const std::string text = identity::release_text(release);
    JsonObject entry{{"version", o.version},
                     {o.kind == Kind::model ? "bundle" : "file", release.sha256},
                     {"size", release.size},
                     {"hash", release.sha256},
                     {"release", text},
                     {"signature", to_base64(*key.sign(bytes_of(text)))},
                     {"certificate", to_base64(key.chain())}};
    if (o.kind == Kind::firmware)
        entry["filename"] = release.filename, entry["module"] = release.module;
    return entry;
}
inline Artifact artifact(EntryOrder order) {
    const std::uint64_t counter = order.counter;
    const Kind kind = order.kind;
    const std::string name = order.name;
    Artifact made =
        *artifact_of(kind, name, Json(entry_of(std::move(order))), Watch{.duration = seconds{1}});
    made.counter = counter;
    return made;
}
inline EntryOrder version(int n, std::uint64_t counter = 0) {
    EntryOrder order;
    order.version = std::to_string(n);
    order.bytes = "bundle " + order.version + std::string(700, 'x');
    order.counter = counter ? counter : static_cast<std::uint64_t>(n);
    return order;
}

inline JsonObject only(JsonObject entry, const std::string& name = "pump") {
    JsonObject all;
    all[name] = std::move(entry);
    return all;
}

class Hub final : public Downloads {
 public:
    void serve(const std::string& bytes) { blobs[hash_of(bytes)] = bytes; }
    Task<std::unique_ptr<Download>> open(std::string sha256, std::uint64_t offset) override {
        offsets.push_back(offset);
        if (unreachable) co_return Error{Errc::io_failed, "no route to the hub"};
        const auto found = blobs.find(sha256);
        if (found == blobs.end()) co_return Error{Errc::not_found, "no such blob"};
        if (offset > found->second.size()) co_return Error{Errc::corrupt, "it is shorter"};
        auto stream = std::make_unique<Stream>(*this);
        stream->from = resumes ? offset : 0;
        stream->rest = found->second.substr(stream->from);
        co_return std::unique_ptr<Download>(std::move(stream));
    }
    std::map<std::string, std::string> blobs;
    bool unreachable = false, resumes = true;
    std::size_t breaks_after = 0;  // bytes of each download; 0: none breaks
    std::vector<std::uint64_t> offsets;

 private:
    struct Stream final : Download {
        explicit Stream(Hub& owner) : hub(owner) {}
        Task<std::string> read() override {
            if (hub.breaks_after > 0 && given >= hub.breaks_after)
                co_return Error{Errc::io_failed, "the connection broke"};
            std::string piece = rest.substr(0, 300);
            rest.erase(0, piece.size());
            given += piece.size();
            co_return piece;
        }
        Hub& hub;
        std::string rest;
        std::size_t given = 0;
    };
};

// A directory whose files are not really synced: for tests that make very many.
inline std::unique_ptr<files::FaultyFiles> quick(const files::TemporaryDirectory& folder) {
    return *files::FaultyFiles::open(folder.path(), 1);
}

// What runs, in memory as models do (repeatable), or on a disk of its own as firmware does.
class Machinery final : public Installer {
 public:
    struct World {  // outlives the process
        std::map<std::string, std::string> installed;
    };
    Machinery(bool is_repeatable, World& world) : repeats_(is_repeatable), world_(world) {}

    std::map<std::string, std::string> running;  // repeatable only
    std::vector<std::string> calls;
    std::map<std::string, std::string> trouble;  // by call: what it fails with
    std::string unfit;                           // this version fails while it is watched
    bool wants_reboot = false;

    std::string runs(const std::string& name) const {
        const auto& where = repeats_ ? running : world_.installed;
        const auto found = where.find(name);
        return found == where.end() ? "" : found->second;
    }

    bool repeatable() const override { return repeats_; }
    Task<Json> stage(Work work) override {
        CO_TRY_VOID(note("stage", work.next.version));
        co_return Json(JsonObject{{"staged", work.next.version}});
    }
    Task<Json> test(Work work) override {
        CO_TRY_VOID(note("test", work.next.version));
        CO_TRY_VOID(complete(work.next, work.file));
        co_return work.memory;
    }
    Task<Json> switch_over(Work work) override {
        CO_TRY_VOID(note("switch", work.next.version));
        CO_TRY_VOID(complete(work.next, work.file));
        take(work.next);
        Json memory = work.memory;
        if (wants_reboot) set(memory, "reboot", true);
        co_return memory;
    }
    Task<Json> reboot(Work work, bool again) override {
        CO_TRY_VOID(note(again ? "verify reboot" : "reboot", work.next.version));
        co_return work.memory;
    }
    Task<> commit(Work work) override { co_return note("commit", work.next.version); }
    Task<> revert(Work work) override {
        CO_TRY_VOID(note("revert", work.next.version));
        if (!work.previous) {
            (repeats_ ? running : world_.installed).erase(work.next.name);
            co_return Result<>{};
        }
        if (repeats_) CO_TRY_VOID(complete(*work.previous, work.previous_file));
        take(*work.previous);
        co_return Result<>{};
    }
    Task<> clean_up(Work) override { co_return Result<>{}; }
    Task<> bring_up(Artifact artifact, std::string file) override {
        CO_TRY_VOID(note("bring up", artifact.version));
        if (!repeats_) co_return Result<>{};
        CO_TRY_VOID(complete(artifact, file));
        take(artifact);
        co_return Result<>{};
    }
    Task<> remove(Artifact artifact) override {
        running.erase(artifact.name);
        co_return note("remove", artifact.version);
    }
    Figures figures(const std::string& name) const override {
        if (runs(name) == unfit) return {10, 10};
        return {decisions, 0};
    }
    std::uint64_t decisions = 0;

 private:
    Result<> note(const std::string& call, const std::string& version_of) {
        calls.push_back(call + " " + version_of);
        const auto found = trouble.find(call);
        if (found == trouble.end()) return {};
        return Error{Errc::invalid_input, found->second};
    }
    // No installer may ever see a file that is not the released one.
    static Result<> complete(const Artifact& artifact, const std::string& file) {
        files::RealFiles files;
        TRY(const Bytes bytes, files::read_all(files, file));
        if (hash_of(text_of(bytes)) == artifact.sha256) return {};
        return Error{Errc::corrupt, "'" + file + "' is not what was released"};
    }
    void take(const Artifact& artifact) {
        (repeats_ ? running : world_.installed)[artifact.name] = artifact.version;
    }
    bool repeats_;
    World& world_;
};

// One life of the agent's process over a directory.
class Life {
 public:
    Life(files::Files& files, std::string directory, Hub& hub, Machinery::World& world,
         bool repeatable = true)
        : machinery(repeatable, world), hub_(hub) {
        LoopOptions options;
        options.simulated = &clock;
        loop = *Loop::open(options);
        WorkersOptions one;
        one.threads = 1;
        one.niceness = 0;
        workers = std::make_unique<Workers>(one);
        updates =
            std::make_unique<Updates>(Updates::Parts{*loop, *workers, files, clock, hub_, machinery,
                                                     machinery, Authority::get().trust},
                                      std::move(directory));
        updates->set_watch({.duration = seconds{1}});
    }
    void want(JsonObject entries, Kind kind = Kind::model) {
        ASSERT_TRUE(sync_wait(*loop, updates->want(kind, std::move(entries))).ok());
    }
    // Until it is so, for at most an hour of virtual time.
    bool until(const std::function<bool()>& so, nanoseconds most = hours{1}) {
        const SteadyTime end = clock.steady() + most;
        while (!so() && clock.steady() < end) ignore(sync_wait(*loop, nap()), "only time passes");
        return so();
    }
    // The same, looking after each turn of the loop; false when nothing happens any more.
    bool turn_until(const std::function<bool()>& so) {
        for (int turns = 0; turns < 20'000; ++turns) {
            if (so()) return true;
            if (at_rest()) return false;
            loop->turn(true);
        }
        return false;
    }
    JsonObject report(const std::string& name = "pump", Kind kind = Kind::model) {
        const JsonObject all = updates->report(kind);
        const Json* found = all.if_contains(name);
        return found ? found->as_object() : JsonObject{};
    }
    std::string said(std::string_view key, const std::string& name = "pump") {
        return find_string(Json(report(name)), key).value_or("");
    }
    bool at_rest() {
        const std::string state = said("state");
        return state == "applied" || state == "failed";
    }

    SimulatedClock clock;
    std::unique_ptr<Loop> loop;
    std::unique_ptr<Workers> workers;
    Machinery machinery;
    std::unique_ptr<Updates> updates;

    ~Life() {
        updates.reset();  // as a kill: nobody says goodbye
        workers.reset();
    }

 private:
    static Task<> nap() { co_return co_await sleep_for(milliseconds{100}); }
    Hub& hub_;
};

}  // namespace mw::updates::samples
