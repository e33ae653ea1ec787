// What a machine takes for messages over loopback when nobody does anything with them:
// loopback_relay RATE BYTES SECONDS [RELAY_CPU CLIENT_CPU]. A thread sends a message each 1/RATE s,
// another waits for it and sends it back. One line of JSON, in us: from when a message was due to
// its arrival at the relay, and back again. No program that does more can be quicker, so latencies
// are read beside these: a virtual machine halts processors that wait, and others take them.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Load {
    double rate = 0;
    std::size_t bytes = 0;
    std::size_t messages = 0;
    int relay_cpu = -1, client_cpu = -1;
};

void stay_on(int cpu) {
    if (cpu < 0) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) std::perror("loopback_relay: taking a CPU");
}

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

double us_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

// Both ends of one connection.
std::pair<int, int> connection() {
    const int listening = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (bind(listening, any, size) != 0 || listen(listening, 1) != 0 ||
        getsockname(listening, any, &size) != 0 || connect(client, any, size) != 0)
        fail("loopback_relay: connecting");
    const int accepted = accept(listening, nullptr, nullptr);
    const int one = 1;
    for (const int end : {client, accepted})
        if (setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) fail("TCP_NODELAY");
    close(listening);
    return {client, accepted};
}

void send_all(int to, const char* from, std::size_t bytes) {
    while (bytes > 0) {
        const ssize_t sent = send(to, from, bytes, MSG_NOSIGNAL);
        if (sent < 0) fail("loopback_relay: sending");
        from += sent;
        bytes -= std::size_t(sent);
    }
}

// Waits until something can be read, or `most_us` have gone by.
class Waiting {
 public:
    explicit Waiting(int on) {
        epoll_event event{EPOLLIN, {}};
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, on, &event) != 0) fail("loopback_relay: epoll");
    }
    void wait(double most_us) const {
        const auto ns = static_cast<long>(std::clamp(most_us, 0.0, 1e6) * 1e3);
        const timespec time{ns / 1'000'000'000, ns % 1'000'000'000};
        epoll_event event{};
        epoll_pwait2(epoll_, &event, 1, &time, nullptr);
    }

 private:
    int epoll_ = epoll_create1(0);
};

// Notes when each message was whole.
struct Arrivals {
    std::vector<double> late_us;
    std::size_t bytes = 0;

    void note(const Load& load, Clock::time_point begin, std::size_t more) {
        bytes += more;
        const double now = us_since(begin);
        while (late_us.size() < bytes / load.bytes)
            late_us.push_back(now - double(late_us.size()) * 1e6 / load.rate);
    }
};

void relay(const Load& load, int end, Clock::time_point begin, Arrivals& arrivals) {
    stay_on(load.relay_cpu);
    std::vector<char> buffer(std::size_t{256} << 10);
    const Waiting waiting(end);
    while (arrivals.late_us.size() < load.messages) {
        waiting.wait(1e6);
        const ssize_t got = recv(end, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got <= 0) continue;
        arrivals.note(load, begin, std::size_t(got));
        send_all(end, buffer.data(), std::size_t(got));
    }
}

void play(const Load& load, int end, Clock::time_point begin, Arrivals& back) {
    stay_on(load.client_cpu);
    std::vector<char> buffer(std::size_t{256} << 10), message(load.bytes, 'x');
    const Waiting waiting(end);
    for (std::size_t sent = 0; back.late_us.size() < load.messages;) {
        const auto due = [&] { return double(sent) * 1e6 / load.rate; };
        for (; sent < load.messages && due() <= us_since(begin); ++sent)
            send_all(end, message.data(), message.size());
        waiting.wait(sent < load.messages ? due() - us_since(begin) : 1e6);
        const ssize_t got = recv(end, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got > 0) back.note(load, begin, std::size_t(got));
    }
}

std::string quantiles(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto at = [&](double share) {
        return values[std::min(values.size() - 1, std::size_t(share * double(values.size())))];
    };
    char text[80];
    std::snprintf(text, sizeof text, R"({"p50":%.1f,"p99":%.1f})", at(.5), at(.99));
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    Load load;
    if (argc >= 4) {
        load.rate = std::atof(argv[1]);
        load.bytes = std::size_t(std::atol(argv[2]));
        load.messages = std::size_t(load.rate * std::atof(argv[3]));
    }
    if (argc >= 6) load.relay_cpu = std::atoi(argv[4]), load.client_cpu = std::atoi(argv[5]);
    if (load.messages == 0 || load.bytes == 0 || load.bytes > std::size_t{128} << 10) {
        std::fprintf(stderr, "want: loopback_relay RATE BYTES SECONDS [RELAY_CPU CLIENT_CPU]\n");
        return 1;
    }
    const auto [client, accepted] = connection();
    const auto begin = Clock::now() + std::chrono::milliseconds(20);
    Arrivals there, back;
    const int end = accepted;
    std::thread other([&] { relay(load, end, begin, there); });
    play(load, client, begin, back);
    other.join();
    std::printf("{\"there_us\":%s,\"back_us\":%s}\n", quantiles(there.late_us).c_str(),
                quantiles(back.late_us).c_str());
}
