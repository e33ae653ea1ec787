// Publishers at QoS 1 to one subscriber, over sockets, whose session may outlive its connection:
// what a message costs a broker whose sessions are in a journal. Publishers go on as they are
// acknowledged; or they send at a RATE per second of all, and the time from when a message was due
// to its acknowledgement is told, too. Prints one JSON object.
//     mqtt_lasting_load PORT BROKER_PID EXPIRY_S SECONDS [RATE]
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <stdexcept>

#include "base/clock.h"
#include "protocols/mqtt/mqtt.h"

namespace {

using namespace mw;

constexpr std::size_t publishers = 100;
constexpr std::size_t window = 20;  // unacknowledged messages of each
constexpr std::size_t batch = 16;
constexpr std::size_t undelivered_max = 4'000;  // of all
constexpr double warm_s = .25;

double broker_cpu_seconds(const char* pid) {
    std::ifstream file("/proc/" + std::string(pid) + "/stat");
    std::string word;
    double ticks = 0;
    for (int field = 1; field <= 15 && file >> word; ++field)
        if (field >= 14) ticks += std::atof(word.c_str());  // utime, stime
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

class Socket {
 public:
    explicit Socket(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int on = 1;
        if (connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
            throw std::runtime_error("no broker at this port");
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    ~Socket() { close(fd_); }
    int fd() const { return fd_; }
    void write(ByteView bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) throw std::runtime_error("the broker takes nothing more");
            bytes = bytes.subspan(static_cast<std::size_t>(sent));
        }
    }
    // Calls visit for each whole packet of one read.
    template <class F>
    void read(F&& visit) {
        static std::array<std::uint8_t, 256 * 1024> buffer;
        std::ranges::copy(begun_, buffer.begin());
        const std::size_t had = begun_.size();
        const ssize_t got = recv(fd_, buffer.data() + had, buffer.size() - had, 0);
        if (got <= 0) throw std::runtime_error("the broker closed a connection");
        ByteView rest = ByteView(buffer).first(had + static_cast<std::size_t>(got));
        mqtt::Frame frame;
        while (mqtt::next_frame(rest, 1 << 20, frame).ok() && frame.size > 0) {
            rest = rest.subspan(frame.size);
            visit(frame);
        }
        begun_.assign(rest.begin(), rest.end());
    }

 private:
    int fd_;
    Bytes begun_;  // a packet of which the rest has not come
};

void start_session(Socket& socket, const std::string& name, std::uint32_t expiry_s) {
    mqtt::Connect connect;
    connect.client_id = name;
    connect.properties.set(mqtt::Property::session_expiry, expiry_s);
    Bytes bytes;
    encode(bytes, connect);
    socket.write(bytes);
    socket.read([](const mqtt::Frame&) {});
}

class Load {
 public:
    Load(std::uint16_t port, std::uint32_t expiry_s) : subscriber_(port) {
        start_session(subscriber_, "subscriber", expiry_s);
        mqtt::Subscribe subscribe;
        subscribe.id = 1;
        subscribe.filters = {{"b/#", {.qos = mqtt::QoS::at_least_once}}};
        Bytes bytes;
        encode(bytes, mqtt::Version::v5, subscribe);
        subscriber_.write(bytes);
        subscriber_.read([](const mqtt::Frame&) {});
        watch(subscriber_, nullptr);
        for (std::size_t i = 0; i < publishers; ++i) {
            publishers_.push_back(std::make_unique<Publisher>(port, i));
            start_session(publishers_.back()->socket, "publisher-" + std::to_string(i), 0);
            watch(publishers_.back()->socket, publishers_.back().get());
        }
    }
    std::uint64_t delivered() const { return delivered_; }

    void run(double seconds) {
        const SteadyTime end = after(clock_.steady(), seconds);
        while (clock_.steady() < end) {
            for (auto& publisher : publishers_) publish(*publisher);
            turn(100'000'000);
        }
    }
    // Messages are due every 1/rate seconds, of one publisher after the other. Returns how long
    // each waited for its acknowledgement since it was due, in seconds, sorted.
    std::vector<double> run_at(double rate, double seconds) {
        waited_s_.clear();
        const SteadyTime start = clock_.steady();
        for (std::uint64_t sent = 0; clock_.steady() < after(start, seconds);) {
            const SteadyTime due = after(start, static_cast<double>(sent) / rate);
            const SteadyTime now = clock_.steady();
            if (due <= now)
                publish_due(*publishers_[sent++ % publishers], due);
            else
                turn((due - now).count());
        }
        while (std::ranges::any_of(publishers_, [](auto& one) { return !one->sent.empty(); }))
            turn(100'000'000);
        std::ranges::sort(waited_s_);
        return std::move(waited_s_);
    }

 private:
    struct Publisher {
        Publisher(std::uint16_t port, std::size_t i)
            : socket(port), topic("b/" + std::to_string(i)) {}
        Socket socket;
        std::string topic;
        std::size_t due = window;
        mqtt::PacketId id = 0;
        std::deque<SteadyTime> sent;  // when what is unacknowledged was due, in run_at()
    };
    static SteadyTime after(SteadyTime start, double seconds) {
        return start + nanoseconds{static_cast<std::int64_t>(seconds * 1e9)};
    }
    void watch(Socket& socket, Publisher* publisher) {
        epoll_event event{.events = EPOLLIN, .data = {.ptr = publisher}};
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.fd(), &event) != 0)
            throw std::runtime_error("epoll takes no more");
    }
    void turn(std::int64_t wait_ns) {
        const timespec wait{0, static_cast<long>(wait_ns)};
        std::array<epoll_event, publishers + 1> events;
        const int count =
            epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
        for (int i = 0; i < count; ++i) {
            auto* publisher = static_cast<Publisher*>(events[static_cast<std::size_t>(i)].data.ptr);
            publisher ? take_acknowledgements(*publisher) : take();
        }
    }
    void take_acknowledgements(Publisher& publisher) {
        publisher.socket.read([&](const mqtt::Frame&) {
            ++publisher.due;
            if (publisher.sent.empty()) return;
            waited_s_.push_back(
                static_cast<double>((clock_.steady() - publisher.sent.front()).count()) / 1e9);
            publisher.sent.pop_front();
        });
    }
    void publish_due(Publisher& publisher, SteadyTime due) {
        publisher.sent.push_back(due);
        bytes_.clear();
        encode_one(publisher);
        publisher.socket.write(bytes_);
    }
    void encode_one(Publisher& publisher) {
        static const Bytes payload(64, 'x');
        mqtt::Publish packet;
        packet.qos = mqtt::QoS::at_least_once;
        packet.topic = publisher.topic;
        packet.payload = payload;
        packet.id = publisher.id = static_cast<mqtt::PacketId>(publisher.id % 65'535 + 1);
        encode(bytes_, mqtt::Version::v5, packet);
        ++published_;
    }
    void publish(Publisher& publisher) {
        if (publisher.due < batch || published_ - delivered_ > undelivered_max) return;
        bytes_.clear();
        for (; publisher.due > 0; --publisher.due) encode_one(publisher);
        publisher.socket.write(bytes_);
    }
    void take() {
        bytes_.clear();
        subscriber_.read([&](const mqtt::Frame& frame) {
            mqtt::Publish packet;
            if (!decode(frame, mqtt::Version::v5, packet).ok()) return;
            mqtt::encode_puback(bytes_, packet.id);
            ++delivered_;
        });
        subscriber_.write(bytes_);
    }

    const RealClock clock_;
    const int epoll_ = epoll_create1(0);  // until the process ends
    Socket subscriber_;
    std::vector<std::unique_ptr<Publisher>> publishers_;
    Bytes bytes_;
    std::uint64_t published_ = 0;
    std::uint64_t delivered_ = 0;
    std::vector<double> waited_s_;
};

void measure(char** argv, double rate) {
    Load load(static_cast<std::uint16_t>(std::atoi(argv[1])),
              static_cast<std::uint32_t>(std::atoi(argv[3])));
    const double seconds = std::atof(argv[4]);
    if (rate > 0)
        load.run_at(rate, warm_s);  // flat out there would be a backlog to begin with
    else
        load.run(warm_s);
    const double before = broker_cpu_seconds(argv[2]);
    const std::uint64_t delivered = load.delivered();
    std::vector<double> waited_s;
    if (rate > 0)
        waited_s = load.run_at(rate, seconds);
    else
        load.run(seconds);
    const double cpu = broker_cpu_seconds(argv[2]) - before;
    const auto messages = static_cast<double>(load.delivered() - delivered);
    std::printf("{\"recv_s\": %.0f, \"cpu_s_per_M\": %.3f", messages / seconds,
                cpu / messages * 1e6);
    if (!waited_s.empty())
        std::printf(", \"p50_us\": %.1f, \"p99_us\": %.1f", waited_s[waited_s.size() / 2] * 1e6,
                    waited_s[waited_s.size() * 99 / 100] * 1e6);
    std::printf("}\n");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5 && argc != 6) {
        std::fprintf(stderr, "mqtt_lasting_load PORT BROKER_PID EXPIRY_S SECONDS [RATE]\n");
        return 2;
    }
    try {
        measure(argv, argc == 6 ? std::atof(argv[5]) : 0);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "mqtt_lasting_load: %s\n", error.what());
        return 1;
    }
    return 0;
}
