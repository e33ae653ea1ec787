// Publishers at QoS 1 to one subscriber, over sockets, whose session may outlive its connection:
// what a message costs a broker whose sessions are in a journal. Publishers go on as they are
// acknowledged; or they send at a RATE per second of all, and the time from when a message was due
// to its acknowledgement is told, too. Prints one JSON object.
//     mqtt_lasting_load PORT BROKER_PID EXPIRY_S SECONDS [RATE]
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
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
        const std::size_t had = buffer_.size();
        buffer_.resize(had + 256 * 1024);
        const ssize_t got = recv(fd_, buffer_.data() + had, buffer_.size() - had, 0);
        if (got <= 0) throw std::runtime_error("the broker closed a connection");
        buffer_.resize(had + static_cast<std::size_t>(got));
        std::size_t at = 0;
        mqtt::Frame frame;
        while (mqtt::next_frame(ByteView(buffer_).subspan(at), 1 << 20, frame).ok() &&
               frame.size > 0) {
            at += frame.size;
            visit(frame);
        }
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at));
    }

 private:
    int fd_;
    Bytes buffer_;
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
        polled_.push_back({subscriber_.fd(), POLLIN, 0});
        for (std::size_t i = 0; i < publishers; ++i) {
            publishers_.push_back(std::make_unique<Publisher>(port, i));
            start_session(publishers_.back()->socket, "publisher-" + std::to_string(i), 0);
            polled_.push_back({publishers_.back()->socket.fd(), POLLIN, 0});
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
    void turn(std::int64_t wait_ns) {
        const timespec wait{0, static_cast<long>(wait_ns)};
        ppoll(polled_.data(), polled_.size(), &wait, nullptr);
        if (polled_[0].revents != 0) take();
        for (std::size_t i = 0; i < publishers; ++i)
            if (polled_[i + 1].revents != 0) take_acknowledgements(*publishers_[i]);
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
    Socket subscriber_;
    std::vector<std::unique_ptr<Publisher>> publishers_;
    std::vector<pollfd> polled_;
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
