#pragma once
// For tests of the host: a plant whose edge nodes say lines of text, and what came of them as
// lines.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "protocols/sparkplug/host.h"
#include "protocols/sparkplug/sparkplug.h"
#include "protocols/sparkplug/test_payload.h"

namespace mw::sparkplug {

inline std::string words_of(Quality quality) {
    if (quality == Quality::good()) return "good";
    const char* word = quality.is_good() ? "good " : quality.is_bad() ? "bad " : "uncertain ";
    return word + std::string(to_string(quality.reason()));
}

inline std::string text_of_number(double value) {
    std::ostringstream text;
    text << value;
    return text.str();
}

inline std::string value_in(const Batch& batch, const Run& run, std::uint32_t i) {
    if (run.boxed && batch.boxes.text(batch.values[i]))
        return '"' + std::string(*batch.boxes.text(batch.values[i])) + '"';
    if (run.boxed && batch.boxes.integer(batch.values[i]))
        return std::to_string(*batch.boxes.integer(batch.values[i]));
    return text_of_number(batch.values[i]);
}

class LoggedOutlet final : public Outlet {
 public:
    Result<Ticket> store(Batch& batch) override {
        if (batches_left == 0) {
            log.push_back("full");
            return Error{Errc::overloaded, "no room"};
        }
        --batches_left;
        for (const Run& run : batch.runs)
            for (std::uint32_t i = run.begin; i < run.end; ++i)
                log.push_back(batch.device.text + ' ' + run.signal +
                              (run.unit.empty() ? "" : '[' + run.unit + ']') + " @" +
                              text_of_number(double(batch.times[i].ns - offset) / 1e6) + " = " +
                              value_in(batch, run, i) + ' ' + words_of(batch.quality[i]) +
                              (batch.replayed ? " replayed" : ""));
        return Ticket{++ticket};
    }
    Result<Ticket> bury(std::string_view device, std::string_view topic, std::string_view reason,
                        ByteView) override {
        log.push_back("buried " + std::string(device) + ' ' + std::string(topic) + ": " +
                      std::string(reason));
        return Ticket{++ticket};
    }
    void send(std::string topic, Bytes payload, bool retain, mqtt::QoS qos) override {
        std::string line =
            topic + (retain ? " retained" : "") + " qos" + std::to_string(static_cast<int>(qos));
        if (topic.find("/STATE/") != std::string::npos) line += ' ' + std::string(text_of(payload));
        log.push_back(line);
    }

    static constexpr std::size_t plenty = ~std::size_t{0};
    std::deque<std::string> log;
    std::size_t batches_left = plenty;
    std::uint64_t ticket = 0;
    std::int64_t offset = 0;
};

// Times in payloads and in the log are milliseconds after the epoch; the clock begins at 1,000,000.
class Plant {
 public:
    explicit Plant(HostOptions options = {}) : host(std::move(options), clock, outlet, registry) {
        clock.set_wall({1'000'000 * 1'000'000LL});
    }
    void declare(Addresses addresses) {
        host.declare(std::make_shared<const Addresses>(std::move(addresses)));
    }
    Result<Ticket> say(const std::string& what, mqtt::QoS qos = mqtt::QoS::at_most_once) {
        std::istringstream words(what);
        std::string type, rest, device;
        words >> type;
        std::getline(words, rest);
        if (const auto slash = type.find('/'); slash != std::string::npos) {
            device = type.substr(slash);
            type.resize(slash);
        }
        return host.receive("spBv1.0/plant/" + type + "/line" + device, TestPayload::from(rest),
                            qos);
    }
    void pass(nanoseconds time) {
        clock.advance(time);
        host.tick();
    }
    void step(const std::string& line) {
        if (line[0] == '>') {
            const bool qos1 = line[1] == '1';
            ignore(say(line.substr(2), qos1 ? mqtt::QoS::at_least_once : mqtt::QoS::at_most_once),
                   "the log tells");
        } else if (line[0] == '+') {
            pass(parse_duration(line.substr(2)).value());
        } else if (line == "! full") {
            outlet.batches_left = 0;
        } else if (line == "! half") {
            outlet.batches_left = 1;
        } else if (line == "! room") {
            outlet.batches_left = LoggedOutlet::plenty;
        } else {
            ADD_FAILURE() << "no such step: " << line;
        }
    }
    void converse(std::string text) {
        for (std::size_t at; (at = text.find("\n|")) != std::string::npos;) text[at] = ' ';
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            line.erase(0, line.find_first_not_of(' '));
            if (line.empty()) continue;
            if (line[0] == '<') {
                ASSERT_FALSE(outlet.log.empty()) << "nothing came, want " << line;
                std::string came = "< " + outlet.log.front();
                if (line.ends_with("...")) {
                    line.resize(line.size() - 3);
                    came.resize(std::min(came.size(), line.size()));
                }
                ASSERT_EQ(came, line);
                outlet.log.pop_front();
                continue;
            }
            ASSERT_TRUE(outlet.log.empty()) << "before " << line << ": " << outlet.log.front();
            step(line);
        }
        ASSERT_TRUE(outlet.log.empty()) << outlet.log.front();
    }
    double counted(const std::string& name) {
        return double(registry.counter("millwright_sparkplug_" + name, "").value());
    }

    SimulatedClock clock;
    metrics::Registry registry;
    LoggedOutlet outlet;
    Host host;
};

}  // namespace mw::sparkplug
