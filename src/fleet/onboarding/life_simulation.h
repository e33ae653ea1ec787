#pragma once
// For this module's tests and for bench/lifecycle_trials: a fleet over years. The hub's side is
// real (onboarding, registry, authority), and so is the gateway's (agent::Renewal and its files);
// only the network between them is played, with its outages and lost answers. What policy wants is
// said a second time here, by a ledger of its own, and compared with what happens.

#include <filesystem>
#include <map>
#include <queue>
#include <set>

#include "base/log.h"
#include "data/registry/registry.h"
#include "device/agent/agent.h"
#include "fleet/onboarding/onboarding.h"

namespace mw::onboarding::life {

inline constexpr nanoseconds one_day = hours{24};
inline constexpr nanoseconds one_year = 365 * one_day;

// Files of a gateway, in memory; a sync is nothing, and so is a power cut (renewal_test has those).
class MemoryFiles final : public files::Files {
    class OpenFile final : public files::File {
     public:
        explicit OpenFile(std::shared_ptr<Bytes> bytes) : bytes_(std::move(bytes)) {}
        Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) override {
            if (offset >= bytes_->size()) return std::size_t{0};
            const std::size_t size = std::min<std::size_t>(into.size(), bytes_->size() - offset);
            std::copy_n(bytes_->begin() + static_cast<std::ptrdiff_t>(offset), size, into.begin());
            return size;
        }
        Result<> append(ByteView bytes) override {
            bytes_->insert(bytes_->end(), bytes.begin(), bytes.end());
            return {};
        }
        Result<> write_at(std::uint64_t, ByteView) override { return unwanted(); }
        Result<> sync() override { return {}; }
        Result<> truncate(std::uint64_t size) override { return bytes_->resize(size), Result<>{}; }
        Result<std::uint64_t> size() override { return std::uint64_t{bytes_->size()}; }

     private:
        std::shared_ptr<Bytes> bytes_;
    };

 public:
    Result<std::unique_ptr<files::File>> open(std::string path, files::Mode mode,
                                              unsigned) override {
        const auto at = files_.find(path);
        if (at == files_.end() && mode == files::Mode::read)
            return Error{Errc::not_found, path + ": no such file"};
        if (at != files_.end() && mode == files::Mode::create_new)
            return Error{Errc::conflict, path + ": exists"};
        if (at == files_.end()) files_[path] = std::make_shared<Bytes>();
        return std::unique_ptr<files::File>(new OpenFile(files_[path]));
    }
    Result<> rename(std::string from, std::string to) override {
        files_[to] = files_[from];
        files_.erase(from);
        return {};
    }
    Result<> remove(std::string path) override { return files_.erase(path), Result<>{}; }
    Result<std::vector<files::Entry>> list(std::string) override { return unwanted(); }
    Result<> make_directories(std::string, unsigned) override { return {}; }
    Result<> sync_directory(std::string) override { return {}; }
    Result<> sync_path(std::string) override { return {}; }
    Result<std::optional<std::uint64_t>> size(std::string path) override {
        const auto at = files_.find(path);
        if (at == files_.end()) return std::optional<std::uint64_t>{};
        return std::optional<std::uint64_t>{at->second->size()};
    }
    Result<std::uint64_t> free_space(std::string) override { return std::uint64_t{1} << 30; }

 private:
    static Error unwanted() { return Error{Errc::io_failed, "not here"}; }
    std::map<std::string, std::shared_ptr<Bytes>> files_;
};

struct Plan {
    int gateways = 1000;
    nanoseconds length = 5 * one_year;
    std::uint64_t seed = 1;
    nanoseconds grace = 200 * one_day;
    double with_factory = .8;                     // the others depend on being renewed in time
    nanoseconds issuing_lifetime = 4 * one_year;  // so that there is another one meanwhile
};

struct Tally {
    std::uint64_t connects = 0, renewals = 0, late_renewals = 0, lost_answers = 0, readmitted = 0;
    std::uint64_t refused_by_policy = 0, rollovers = 0, outages = 0, jumps = 0, suspensions = 0;
    std::uint64_t hub_jumps = 0;
    std::uint64_t locked_out = 0;  // policy would let it in, and it was not
    std::uint64_t let_in = 0;      // policy would not
    std::string first_wrong;
};

// One piece of what is played.
struct Span {
    Timestamp from, until;
    nanoseconds by{0};
    bool holds(Timestamp at) const { return at >= from && at < until; }
};

struct Gateway {
    std::string name, factory_serial;  // empty: it has no factory certificate
    std::unique_ptr<MemoryFiles> files = std::make_unique<MemoryFiles>();
    std::unique_ptr<SimulatedClock> own = std::make_unique<SimulatedClock>();
    std::unique_ptr<agent::HubClock> clock;
    std::unique_ptr<agent::AgentIdentity> identity;
    std::unique_ptr<agent::Renewal> renewal;
    std::string serial_in_use;
    Bytes in_use;
    std::vector<Span> outages, jumps, suspensions;
    Timestamp seen;  // true time of its last event
    int tries = 0;   // in a row that failed though policy would let it in
    Timestamp readmit_at{INT64_MAX};
    // The ledger: what the hub gave it, by its own account.
    struct Given {
        std::string serial, key;
        Timestamp begins, ends;
    };
    std::optional<Given> last, before;
    bool suspended = false;
};

class Simulation {
 public:
    explicit Simulation(Plan plan);
    ~Simulation() {
        onboarding_.reset();
        store_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    Tally run();

 private:
    void found_plant();
    void make_gateway(int number);
    void draw_fate(Gateway& gateway);
    void set_time(Timestamp at);
    void keep_authorities();
    void live(Gateway& gateway);
    void start(Gateway& gateway);
    bool reach(Gateway& gateway);
    bool hub_is_wrong() const;
    void meet(Gateway& gateway);
    void move(const Gateway& gateway, const char* event);
    bool enroll(Gateway& gateway);
    Task<est::Enrolled> renew(Gateway& gateway, est::RenewOptions options, crypto::PrivateKey key);
    bool policy_connects(const Gateway& gateway, const std::string& serial) const;
    bool policy_renews(const Gateway& gateway, const std::string& proof_serial,
                       const std::string& key) const;
    bool policy_has_a_way(const Gateway& gateway) const;
    void wrong(std::uint64_t& counter, const Gateway& gateway, const std::string& what);
    void schedule(Gateway& gateway, Timestamp at) { events_.push({at, gateway.name}); }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop_, std::move(task));
    }
    double chance() { return static_cast<double>(random_.below(1'000'000)) / 1e6; }
    nanoseconds between(nanoseconds least, nanoseconds most) {
        return least + nanoseconds{static_cast<std::int64_t>(
                           static_cast<double>((most - least).count()) * chance())};
    }

    struct Event {
        Timestamp at;
        std::string gateway;
        bool operator<(const Event& other) const { return other.at < at; }
    };

    log::Capture quiet_{{log::Level::off, log::Format::text}};
    Plan plan_;
    SeededRandom random_;
    std::string folder_;
    files::RealFiles files_;
    SimulatedClock hub_clock_;
    Timestamp begins_ = hub_clock_.now(), now_ = begins_;
    metrics::Registry store_metrics_, metrics_;
    std::unique_ptr<Loop> loop_ = *Loop::open({});
    std::unique_ptr<identity::CertificateAuthority> authority_;
    std::unique_ptr<registry::Registry> store_;
    std::unique_ptr<Onboarding> onboarding_;
    std::string token_;
    crypto::PrivateKey maker_key_ = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    crypto::PrivateKey factory_key_ = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    std::map<std::string, Gateway> fleet_;
    std::map<std::string, Bytes> factory_certificates_;  // by device
    std::priority_queue<Event> events_;
    std::vector<Span> hub_jumps_;
    Timestamp authorities_seen_{};
    Tally tally_;
};

}  // namespace mw::onboarding::life
