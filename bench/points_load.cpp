// points_load HOST PORT PATH TOKEN SHAPE CONNECTIONS REQUESTS FIRST: writes 20,000 points a request
// over HTTP keep-alive connections and waits for each answer. SHAPE is lines (InfluxDB line
// protocol: 2,000 lines of 10 fields, four moments of a connection's 500 devices) or binary
// (docs/formats/points-binary.md: 20 devices, 10 signals, 100 samples). FIRST is the number of the
// first request, so that times go on from one call to the next. Bodies are made before the clock
// starts. Prints one JSON line: points, seconds, bytes, pushed_back.
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "protocols/payload/payload.h"

namespace mw {
namespace {

constexpr int devices = 1'000, signals = 10, lines_of_a_request = 2'000;
constexpr int samples = 100, devices_of_a_batch_body = 20;
constexpr std::int64_t line_step_s = 10;
constexpr std::int64_t sample_step_ns = 100'000'000;

struct Order {
    std::string host, port, path, token, shape;
    int connections = 2, requests = 1;
    long first = 0;
};

[[noreturn]] void fail(const std::string& why) {
    std::fprintf(stderr, "points_load: %s\n", why.c_str());
    std::exit(1);
}

// Walks in steps of a cent, as sensors do; one for each series.
class Walks {
 public:
    explicit Walks(std::uint64_t seed) : random_(seed), cents_(devices * signals, 50'000) {}
    std::int64_t next(int device, int signal) {
        auto& at = cents_[static_cast<std::size_t>(device * signals + signal)];
        return at += static_cast<std::int64_t>(random_.below(21)) - 10;
    }

 private:
    SeededRandom random_;
    std::vector<std::int64_t> cents_;
};

// `number` counts the requests of one connection.
std::string lines_body(Walks& walks, int connection, int connections, long number,
                       std::int64_t start_s) {
    const int own = devices / connections, moments = lines_of_a_request / own;
    std::string body;
    char text[64];
    for (int moment = 0; moment < moments; ++moment) {
        const std::int64_t at = start_s + (number * moments + moment) * line_step_s;
        for (int d = connection; d < own * connections; d += connections) {
            body += "plant,device=device-" + std::to_string(d);
            for (int s = 0; s < signals; ++s) {
                const auto cents = walks.next(d, s);
                std::snprintf(text, sizeof text, "%cm%d=%lld.%02lld", s == 0 ? ' ' : ',', s,
                              static_cast<long long>(cents / 100),
                              static_cast<long long>(cents % 100));
                body += text;
            }
            body += ' ' + std::to_string(at) + "000000000\n";
        }
    }
    return body;
}

std::string binary_body(Walks& walks, int connection, int connections, long number,
                        std::int64_t start_s) {
    const int own = devices / connections;
    Bytes bytes;
    Batch batch;
    for (int i = 0; i < devices_of_a_batch_body; ++i) {
        const long turn = number * devices_of_a_batch_body + i;
        const int device = connection + connections * static_cast<int>(turn % own);
        const std::int64_t start = start_s * 1'000'000'000 + turn / own * samples * sample_step_ns;
        batch.clear();
        batch.device.text = "batch-" + std::to_string(device);
        for (int s = 0; s < signals; ++s) {
            const auto begin = static_cast<std::uint32_t>(batch.size());
            for (int k = 0; k < samples; ++k) {
                batch.times.push_back({start + k * sample_step_ns});
                batch.values.push_back(static_cast<double>(walks.next(device, s)) / 100);
            }
            batch.runs.push_back({"plant.m" + std::to_string(s), "", begin,
                                  static_cast<std::uint32_t>(batch.size())});
        }
        batch.quality.assign(batch.size(), Quality::good());
        payload::encode_binary(batch, bytes);
    }
    return std::string(text_of(bytes));
}

class Connection {
 public:
    explicit Connection(const Order& order) {
        addrinfo hints{}, *found = nullptr;
        hints.ai_socktype = SOCK_STREAM;
        if (getaddrinfo(order.host.c_str(), order.port.c_str(), &hints, &found) != 0)
            fail("no such host");
        socket_ = ::socket(found->ai_family, SOCK_STREAM, 0);
        if (::connect(socket_, found->ai_addr, found->ai_addrlen) != 0) fail("can't connect");
        freeaddrinfo(found);
    }
    ~Connection() { ::close(socket_); }
    Connection(const Connection&) = delete;

    int send(const std::string& request) {
        for (std::size_t at = 0; at < request.size();) {
            const auto sent = ::send(socket_, request.data() + at, request.size() - at, 0);
            if (sent <= 0) fail("the server closed the connection");
            at += static_cast<std::size_t>(sent);
        }
        return answer();
    }

 private:
    int answer() {
        std::size_t head = std::string::npos;
        while ((head = received_.find("\r\n\r\n")) == std::string::npos) receive();
        std::size_t length = 0;
        const auto field = received_.find("ontent-Length: ");
        if (field < head) length = std::strtoul(received_.c_str() + field + 15, nullptr, 10);
        while (received_.size() < head + 4 + length) receive();
        const int status = std::atoi(received_.c_str() + 9);
        if (status != 204 && status != 429 && status != 503) fail(received_.substr(0, 600));
        received_.erase(0, head + 4 + length);
        return status;
    }
    void receive() {
        char piece[4096];
        const auto size = ::recv(socket_, piece, sizeof piece, 0);
        if (size <= 0) fail("the server closed the connection");
        received_.append(piece, static_cast<std::size_t>(size));
    }
    int socket_ = -1;
    std::string received_;
};

int run(const Order& order) {
    const std::int64_t start_s = 1'700'000'000;
    std::vector<std::vector<std::string>> bodies(static_cast<std::size_t>(order.connections));
    std::size_t bytes = 0;
    Walks walks(static_cast<std::uint64_t>(order.first) + 1);
    for (int i = 0; i < order.requests; ++i) {
        const int connection = i % order.connections;
        const long number = (order.first + i) / order.connections;
        const auto make = order.shape == "lines" ? lines_body : binary_body;
        std::string body = make(walks, connection, order.connections, number, start_s);
        std::string head = "POST " + order.path + " HTTP/1.1\r\nHost: " + order.host +
                           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
        if (!order.token.empty()) head += "Authorization: Bearer " + order.token + "\r\n";
        if (order.shape != "lines") head += "Content-Type: application/vnd.millwright.points\r\n";
        bytes += body.size();
        bodies[static_cast<std::size_t>(connection)].push_back(head + "\r\n" + body);
    }
    std::atomic<int> pushed_back{0};
    const auto began = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (const auto& own : bodies)
        threads.emplace_back([&] {
            Connection connection(order);
            for (const auto& request : own)
                while (connection.send(request) != 204) {
                    ++pushed_back;
                    std::this_thread::sleep_for(std::chrono::milliseconds(50));
                }
        });
    for (auto& thread : threads) thread.join();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const long points = 20'000L * order.requests;
    std::printf("{\"points\":%ld,\"seconds\":%.4f,\"bytes\":%zu,\"pushed_back\":%d}\n", points,
                took.count(), bytes, pushed_back.load());
    return 0;
}

}  // namespace
}  // namespace mw

int main(int argc, char** argv) {
    if (argc != 9) mw::fail("want HOST PORT PATH TOKEN lines|binary CONNECTIONS REQUESTS FIRST");
    mw::Order order{argv[1], argv[2], argv[3], argv[4], argv[5]};
    order.connections = std::atoi(argv[6]);
    order.requests = std::atoi(argv[7]);
    order.first = std::atol(argv[8]);
    if (order.shape != "lines" && order.shape != "binary") mw::fail("SHAPE is lines or binary");
    if (order.connections < 1 || mw::lines_of_a_request % (mw::devices / order.connections) != 0)
        mw::fail("CONNECTIONS must divide 1000");
    return mw::run(order);
}
