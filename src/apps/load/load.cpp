#include "apps/load/load.h"

#include <sys/resource.h>

#include <deque>

#include "apps/load/peer.h"
#include "apps/load/tally.h"
#include "base/id.h"

namespace mw::load {
namespace {

constexpr nanoseconds pace_step = milliseconds{1};
constexpr nanoseconds drain_step = milliseconds{10};

double cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    auto seconds_of = [](const timeval& t) { return double(t.tv_sec) + double(t.tv_usec) * 1e-6; };
    return seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
}

// What stands at the front of every payload.
struct Stamp {
    std::uint32_t publisher = 0;
    std::uint64_t count = 0;
    std::int64_t written_ns = 0;
    static constexpr std::size_t bytes = 20;

    void put(Bytes& payload) const {
        store_le(payload.data(), publisher);
        store_le(payload.data() + 4, count);
        store_le(payload.data() + 12, written_ns);
    }
    static Stamp get(ByteView payload) {
        return {load_le<std::uint32_t>(payload.data()), load_le<std::uint64_t>(payload.data() + 4),
                load_le<std::int64_t>(payload.data() + 12)};
    }
};

class Run {
 public:
    Run(Options options, std::shared_ptr<const net::TlsContext> tls, Workers* resolver)
        : options_(std::move(options)),
          tls_(std::move(tls)),
          resolver_(resolver),
          payload_(options_.payload_bytes, std::uint8_t{'x'}),
          scope_(Loop::here()) {}

    static Task<Report> all(Run& run) {
        auto work = phases(run);
        auto outcome = co_await std::move(work);
        for (auto& peer : run.peers_) peer->close();
        run.scope_.cancel();
        CO_TRY_VOID(co_await run.scope_.join());
        if (!outcome) co_return std::move(outcome).error();
        co_return std::move(run.report_);
    }

 private:
    struct Publisher {
        Peer* peer = nullptr;
        std::string topic;
        std::uint64_t sent = 0;
        std::uint64_t arrived = 0;       // summed over its subscribers
        std::deque<SteadyTime> written;  // of what is not acknowledged
    };
    struct Subscriber {
        std::vector<Tally> of;  // by publisher; of pairs its own one only
        std::uint32_t first = 0;
    };

    static Task<> phases(Run& run);
    static Task<> open_all(Run& run, std::uint32_t from, std::uint32_t to);
    static Task<> open_some(Run& run, std::uint32_t& next, std::uint32_t to);
    static Task<> open_one(Run& run, std::uint32_t index);
    static Task<> send_all(Run& run);
    static Task<> drain(Run& run);
    void make_peers();
    void make_publisher(std::uint32_t index, const std::string& name);
    void make_subscriber(std::uint32_t index, const std::string& name);
    void on_message(std::uint32_t subscriber, const mqtt::Publish& message);
    void on_finished(std::uint32_t publisher);
    bool may_send(const Publisher& publisher) const;
    bool send_one(Publisher& publisher);
    void pump(Publisher& publisher);
    bool all_sent() const;
    bool all_arrived() const;
    void sum_up();
    SteadyTime now() const { return Loop::here().clock().steady(); }
    std::uint32_t receivers() const {
        return options_.shape == Shape::pairs ? 1 : options_.subscribers;
    }

    Options options_;
    std::shared_ptr<const net::TlsContext> tls_;
    Workers* resolver_;
    Bytes payload_;
    Report report_;
    bool sending_ = false;
    std::vector<Publisher> publishers_;
    std::vector<Subscriber> subscribers_;
    std::vector<std::unique_ptr<Peer>> peers_;  // subscribers, publishers, idle ones
    std::optional<Error> failure_;
    Scope scope_;  // last: its coroutines use all of the above
};

void Run::make_peers() {
    SystemRandom random;
    const std::string tag = make_ulid(0, random).substr(16);  // so that two runs can meet
    if (options_.shape == Shape::connect) options_.publishers = options_.subscribers = 0;
    publishers_.resize(options_.publishers);
    subscribers_.resize(options_.subscribers);
    for (std::uint32_t i = 0; i < options_.subscribers; ++i)
        make_subscriber(i, "load-" + tag + "-s" + std::to_string(i));
    for (std::uint32_t i = 0; i < options_.publishers; ++i)
        make_publisher(i, "load-" + tag + "-p" + std::to_string(i));
    for (std::uint32_t i = 0; i < options_.idle; ++i)
        peers_.push_back(std::make_unique<Peer>(
            scope_, options_, "load-" + tag + "-i" + std::to_string(i), Peer::Ears{}));
}

void Run::make_subscriber(std::uint32_t index, const std::string& name) {
    Subscriber& subscriber = subscribers_[index];
    const bool pair = options_.shape == Shape::pairs;
    subscriber.first = pair ? index : 0;
    subscriber.of.resize(pair ? 1 : options_.publishers);
    Peer::Ears ears;
    ears.message = [this, index](const mqtt::Publish& message) { on_message(index, message); };
    peers_.push_back(std::make_unique<Peer>(scope_, options_, name, std::move(ears)));
}

void Run::make_publisher(std::uint32_t index, const std::string& name) {
    Peer::Ears ears;
    ears.finished = [this, index] { on_finished(index); };
    peers_.push_back(std::make_unique<Peer>(scope_, options_, name, std::move(ears)));
    publishers_[index].peer = peers_.back().get();
    publishers_[index].topic = options_.topic + "/" + std::to_string(index);
}

Task<> Run::open_one(Run& run, std::uint32_t index) {
    net::ConnectOptions to;
    to.host = run.options_.host;
    to.port = run.options_.port;
    to.tls = run.tls_;
    to.resolver = run.resolver_;
    const SteadyTime began = run.now();
    auto opening = run.peers_[index]->open(std::move(to));
    CO_TRY_VOID(co_await std::move(opening));
    run.report_.connect_us.add(double((run.now() - began).count()) * 1e-3);
    ++run.report_.connections;
    if (index >= run.options_.subscribers) co_return Result<>{};
    const bool pair = run.options_.shape == Shape::pairs;
    std::string filter = run.options_.topic + "/" + (pair ? std::to_string(index) : "+");
    auto subscribing = run.peers_[index]->subscribe(std::move(filter));
    co_return co_await std::move(subscribing);
}

Task<> Run::open_some(Run& run, std::uint32_t& next, std::uint32_t to) {
    while (next < to && !run.failure_) {
        const std::uint32_t index = next++;
        auto opening = open_one(run, index);
        auto opened = co_await std::move(opening);
        if (opened || run.failure_) continue;
        run.failure_ = std::move(opened).error().context(
            "connection " + std::to_string(index + 1) + " of " + std::to_string(run.peers_.size()));
    }
    co_return Result<>{};
}

Task<> Run::open_all(Run& run, std::uint32_t from, std::uint32_t to) {
    Scope openers(Loop::here());
    std::uint32_t next = from;
    for (std::uint32_t i = 0; i < run.options_.opening; ++i)
        openers.spawn(open_some(run, next, to));
    CO_TRY_VOID(co_await openers.join());
    if (run.failure_) co_return *run.failure_;
    co_return Result<>{};
}

Task<> Run::phases(Run& run) {
    run.make_peers();
    run.report_.options = run.options_;
    const auto all = static_cast<std::uint32_t>(run.peers_.size());
    auto listeners = open_all(run, 0, run.options_.subscribers);
    CO_TRY_VOID(co_await std::move(listeners));
    auto others = open_all(run, run.options_.subscribers, all);
    CO_TRY_VOID(co_await std::move(others));
    const SteadyTime began = run.now();
    const double cpu = cpu_seconds();
    if (run.options_.shape == Shape::connect) {
        CO_TRY_VOID(co_await sleep_for(run.options_.duration));
    } else {
        auto sending = send_all(run);
        CO_TRY_VOID(co_await std::move(sending));
        auto draining = drain(run);
        CO_TRY_VOID(co_await std::move(draining));
    }
    run.report_.seconds = double((run.now() - began).count()) * 1e-9;
    run.report_.cpu_seconds = cpu_seconds() - cpu;
    run.sum_up();
    co_return Result<>{};
}

// With a rate the messages that are due are dealt round; without one, what arrives calls for more.
Task<> Run::send_all(Run& run) {
    const SteadyTime began = run.now();
    const SteadyTime ends = began + run.options_.duration;
    run.sending_ = true;
    if (run.options_.rate == 0)
        for (Publisher& publisher : run.publishers_) run.pump(publisher);
    std::size_t turn = 0;
    while (run.now() < ends && !run.all_sent()) {
        if (run.options_.rate > 0) {
            const double elapsed_s = double((run.now() - began).count()) * 1e-9;
            const auto due = static_cast<std::uint64_t>(elapsed_s * run.options_.rate);
            for (std::size_t idle = 0; run.report_.sent < due && idle < run.publishers_.size();
                 ++turn)
                idle = run.send_one(run.publishers_[turn % run.publishers_.size()]) ? 0 : idle + 1;
            const std::uint64_t missing = due - std::min(due, run.report_.sent);
            run.report_.late_us =
                std::max(run.report_.late_us, double(missing) * 1e6 / run.options_.rate);
        }
        CO_TRY_VOID(co_await sleep_for(pace_step));
    }
    run.sending_ = false;
    co_return Result<>{};
}

Task<> Run::drain(Run& run) {
    const SteadyTime ends = run.now() + run.options_.drain;
    while (run.now() < ends && !run.all_arrived()) CO_TRY_VOID(co_await sleep_for(drain_step));
    co_return Result<>{};
}

bool Run::may_send(const Publisher& publisher) const {
    if (!sending_ || !publisher.peer->is_open()) return false;
    if (options_.messages > 0 && publisher.sent >= options_.messages) return false;
    const std::uint64_t window = std::min(options_.in_flight, publisher.peer->window());
    if (publisher.peer->unfinished() >= window) return false;
    return receivers() == 0 || publisher.sent - publisher.arrived / receivers() < window;
}

bool Run::send_one(Publisher& publisher) {
    if (!may_send(publisher)) return false;
    const SteadyTime written = now();
    const auto index = static_cast<std::uint32_t>(&publisher - publishers_.data());
    Stamp{index, publisher.sent, written.ns}.put(payload_);
    if (!publisher.peer->publish(publisher.topic, payload_)) return false;
    ++publisher.sent;
    ++report_.sent;
    if (options_.qos != mqtt::QoS::at_most_once) publisher.written.push_back(written);
    return true;
}

void Run::pump(Publisher& publisher) {
    while (options_.rate == 0 && send_one(publisher)) {
    }
}

void Run::on_message(std::uint32_t index, const mqtt::Publish& message) {
    if (message.payload.size() < Stamp::bytes) return;  // somebody else's
    const Stamp stamp = Stamp::get(message.payload);
    Subscriber& subscriber = subscribers_[index];
    if (stamp.publisher < subscriber.first ||
        stamp.publisher - subscriber.first >= subscriber.of.size())
        return;
    Publisher& publisher = publishers_[stamp.publisher];
    if (stamp.count >= publisher.sent) return;  // of another run
    publisher.arrived += subscriber.of[stamp.publisher - subscriber.first].saw(stamp.count);
    ++report_.received;
    report_.deliver_us.add(double(now().ns - stamp.written_ns) * 1e-3);
    pump(publisher);
}

void Run::on_finished(std::uint32_t index) {
    Publisher& publisher = publishers_[index];
    ++report_.acknowledged;
    if (!publisher.written.empty()) {
        report_.acknowledge_us.add(double((now() - publisher.written.front()).count()) * 1e-3);
        publisher.written.pop_front();
    }
    pump(publisher);
}

bool Run::all_sent() const {
    if (options_.messages == 0) return false;
    return report_.sent >= options_.messages * options_.publishers;
}

bool Run::all_arrived() const {
    for (const Publisher& publisher : publishers_) {
        if (publisher.peer->is_open() && publisher.peer->unfinished() > 0) return false;
        if (publisher.arrived < publisher.sent * receivers()) return false;
    }
    return true;
}

void Run::sum_up() {
    for (const Subscriber& subscriber : subscribers_)
        for (std::size_t i = 0; i < subscriber.of.size(); ++i) {
            const Tally& tally = subscriber.of[i];
            report_.lost += tally.lost(publishers_[subscriber.first + i].sent);
            report_.duplicates += tally.duplicates;
            report_.out_of_order += tally.out_of_order;
        }
    report_.received -= report_.duplicates;
    report_.expected = report_.sent * receivers();
    for (const auto& peer : peers_) {
        report_.disconnected += !peer->is_open();
        if (report_.first_reason.empty()) report_.first_reason = peer->why();
    }
}

}  // namespace

Task<Report> run_load(Options options, Workers* resolver) {
    CO_TRY_VOID(check(options));
    std::shared_ptr<const net::TlsContext> tls;
    if (options.tls) {
        net::TlsFiles files{options.certificate_file, options.key_file, options.ca_file};
        CO_TRY(auto from_files, net::read_tls_files(files));
        CO_TRY(tls, net::TlsContext::client(std::move(from_files)));
    }
    Run run(std::move(options), std::move(tls), resolver);
    auto running = Run::all(run);
    co_return co_await std::move(running);
}

}  // namespace mw::load
