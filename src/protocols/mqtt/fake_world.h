#pragma once
// For tests, fuzzing and benchmarks: a Core with wires that keep what was written, an uplink that
// does as it is told, and time that stands still until advanced. Belongs to one test.

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "protocols/mqtt/core.h"

namespace mw::mqtt {

class FakeWire final : public Wire {
 public:
    void write(ByteView bytes) override {
        written.insert(written.end(), bytes.begin(), bytes.end());
    }
    std::size_t unsent() const override { return stuck ? written.size() : 0; }
    std::string peer() const override { return "test"; }
    void time_flush(SteadyTime received) override { timed.push_back(received); }
    void on_full() override { full = true; }
    void on_readable() override {}
    void on_close(bool at_once) override { closed = true, closed_at_once = at_once; }

    Bytes written;
    std::vector<SteadyTime> timed;
    bool stuck = false;  // the client reads nothing
    bool full = false;
    bool closed = false;
    bool closed_at_once = false;
};

// Has read a payload: its length. Of topics below "plain/" the uplink takes nothing.
class FakePreparer final : public Preparer {
 public:
    struct Length final : Prepared {
        std::size_t value = 0;
        std::size_t bytes() const override { return sizeof *this; }
        bool is_whole() const override { return value > 4; }
        void expect() const override {}
    };
    bool wants(std::string_view topic) const override { return !topic.starts_with("plain/"); }
    std::unique_ptr<Prepared> prepare(std::string_view topic, ByteView payload) override {
        if (topic.starts_with("raw/")) return nullptr;
        auto length = std::make_unique<Length>();
        length->value = payload.size();
        return length;
    }
    void take_back(std::unique_ptr<Prepared> used) override { returned.push_back(std::move(used)); }

    std::vector<std::unique_ptr<Prepared>> returned;
};

class FakeUplink final : public Uplink {
 public:
    enum class Mode { accept, delay, overloaded, broken, deny };
    struct Got {
        Identity from;
        std::string topic;
        std::string payload;
        std::size_t length = 0;  // as a FakePreparer found it
    };
    Result<Ticket> publish(const Identity& identity, std::string_view topic, ByteView payload,
                           const PublishProperties& properties) override {
        switch (mode) {
            case Mode::overloaded:
                return Error{Errc::overloaded, "no room"};
            case Mode::broken:
                return Error{Errc::io_failed, "disk full"};
            case Mode::deny:
                return Error{Errc::denied, "not yours"};
            case Mode::accept:
            case Mode::delay:
                break;
        }
        const auto* prepared = static_cast<FakePreparer::Length*>(properties.prepared);
        got.push_back({identity, std::string(topic), std::string(text_of(payload)),
                       prepared != nullptr ? prepared->value : 0});
        if (got.size() > 10'000) got.pop_front();
        return mode == Mode::delay ? Ticket{++last} : Ticket{};
    }
    Ticket durable() const override { return reached; }
    std::unique_ptr<Preparer> preparer() override { return std::make_unique<FakePreparer>(); }

    Mode mode = Mode::accept;
    std::uint64_t last = 0;
    Ticket reached;
    std::deque<Got> got;
};

// The method TEST does what the client's data says: "pass", "pass NAME" (as that device), "fail",
// "ban"; anything else goes on.
class FakeAuthenticator final : public Authenticator {
 public:
    std::unique_ptr<Exchange> begin(std::string_view method, const Identity&) override {
        if (method != "TEST" && method != "OTHER") return nullptr;
        return std::make_unique<Obedient>();
    }
    std::string_view required_method(const Identity& identity) const override {
        return identity.name == required ? "TEST" : "";
    }
    std::string required = "nobody";  // an identity

 private:
    struct Obedient final : Exchange {
        Answer step(ByteView data) override {
            const std::string_view text = text_of(data);
            Answer answer;
            answer.data.assign(data.begin(), data.end());
            if (text.starts_with("pass")) {
                answer.verdict = Answer::Verdict::passed;
                if (text.size() > 5)
                    answer.identity = {Identity::Kind::device, std::string(text.substr(5))};
            } else if (text == "fail" || text == "ban") {
                answer.reason = text == "ban" ? ReasonCode::banned : ReasonCode::not_authorized;
                answer.why = "as it said";
            } else {
                answer.verdict = Answer::Verdict::go_on;
            }
            return answer;
        }
    };
};

struct FakeClient {
    FakeWire wire;
    std::unique_ptr<Connection> connection;  // goes before the wire
    Version version = Version::v5;
    std::size_t read = 0;  // of wire.written
};

// SUBSCRIBE at QoS 1.
inline void subscribe(FakeClient& client, std::string_view filter, PacketId id = 1) {
    Subscribe packet;
    packet.id = id;
    packet.filters.push_back({filter, {.qos = QoS::at_least_once}});
    Bytes bytes;
    encode(bytes, Version::v5, packet);
    client.connection->receive(bytes);
}

struct FakeWorld {
    explicit FakeWorld(const Authorizer& authorizer, Limits limits = {})
        : core({clock, random, authorizer, &uplink, limits}) {}

    FakeClient& open(const std::string& name, Identity identity = {}) {
        auto client = std::make_unique<FakeClient>();
        client->connection = std::make_unique<Connection>(core, client->wire, std::move(identity));
        auto& place = clients[name];
        place = std::move(client);
        return *place;
    }
    void advance(nanoseconds step) {
        clock.advance(step);
        core.tick();
    }

    SimulatedClock clock;
    SeededRandom random{1};
    FakeUplink uplink;
    FakeAuthenticator methods;  // core.use(&methods)
    Core core;
    std::map<std::string, std::unique_ptr<FakeClient>> clients;
};

}  // namespace mw::mqtt
