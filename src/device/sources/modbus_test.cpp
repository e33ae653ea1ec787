#include "device/sources/modbus.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#ifdef MW_LIBMODBUS
#include <arpa/inet.h>
#include <modbus/modbus.h>

#include <thread>
#endif

namespace mw::sources {
namespace {

ModbusSignal signal_at(modbus::Table table, std::uint16_t address, modbus::Number number) {
    ModbusSignal signal;
    signal.table = table;
    signal.address = address;
    signal.number = number;
    return signal;
}

TEST(ModbusPlan, reads_neighbours_and_short_gaps_together) {
    using modbus::Number;
    using modbus::Table;
    const auto requests = plan_requests({signal_at(Table::holding, 10, Number::float32),
                                         signal_at(Table::holding, 0, Number::uint16),
                                         signal_at(Table::holding, 40, Number::float64),
                                         signal_at(Table::input, 1, Number::uint16),
                                         signal_at(Table::holding, 0, Number::int32)});
    ASSERT_EQ(requests.size(), 3u);
    EXPECT_EQ(requests[0].read.address, 0);
    EXPECT_EQ(requests[0].read.count, 12);
    EXPECT_EQ(requests[0].signals, (std::vector<std::size_t>{1, 4, 0}));
    EXPECT_EQ(requests[1].read.address, 40);
    EXPECT_EQ(requests[1].read.count, 4);
    EXPECT_EQ(requests[2].read.table, Table::input);
}

TEST(ModbusPlan, asks_for_no_more_than_a_request_may) {
    std::vector<ModbusSignal> signals;
    for (std::uint16_t i = 0; i < 300; ++i)
        signals.push_back(signal_at(modbus::Table::holding, i, modbus::Number::uint16));
    const auto requests = plan_requests(signals);
    ASSERT_EQ(requests.size(), 3u);
    for (const auto& request : requests) EXPECT_LE(request.read.count, modbus::registers_max);
}

#ifdef MW_LIBMODBUS

// libmodbus' own server, a connection at a time, until the test is over.
class TheirServer {
 public:
    TheirServer() {
        context_ = modbus_new_tcp("127.0.0.1", 0);
        map_ = modbus_mapping_new(16, 16, 64, 64);
        listener_ = modbus_tcp_listen(context_, 1);
        sockaddr_in address{};
        socklen_t length = sizeof address;
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~TheirServer() {
        stop_ = true;
        shutdown(listener_, SHUT_RDWR);
        if (const int open = connection_; open >= 0) shutdown(open, SHUT_RDWR);
        thread_.join();
        close(listener_);
        modbus_mapping_free(map_);
        modbus_free(context_);
    }
    int port() const { return port_; }
    modbus_mapping_t& map() { return *map_; }
    std::atomic<bool> deaf_ = false;  // hears, and does not answer

 private:
    void serve() {
        std::uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
        while (!stop_ && modbus_tcp_accept(context_, &listener_) >= 0) {
            connection_ = modbus_get_socket(context_);
            for (;;) {
                const int length = modbus_receive(context_, query);
                if (length < 0) break;
                if (length > 0 && !deaf_) modbus_reply(context_, query, length, map_);
            }
            modbus_close(context_);
            connection_ = -1;
        }
    }
    modbus_t* context_;
    modbus_mapping_t* map_;
    int listener_ = -1, port_ = 0;
    std::atomic<int> connection_ = -1;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

class Heard final : public SourceSink {
 public:
    Task<> accept(Batch& batch, Bytes) override {
        for (const Run& run : batch.runs) {
            values[run.signal] = batch.values[run.begin];
            quality[run.signal] = batch.quality[run.begin];
            units[run.signal] = run.unit;
        }
        ++batches;
        if (until(*this)) co_return Error{Errc::cancelled, "enough"};
        co_return Result<>{};
    }
    Task<> durable() override { co_return Result<>{}; }
    std::map<std::string, double> values;
    std::map<std::string, Quality> quality;
    std::map<std::string, std::string> units;
    int batches = 0;
    std::function<bool(const Heard&)> until = [](const Heard&) { return true; };
};

class ModbusMachine : public testing::Test {
 protected:
    std::unique_ptr<Source> open(const std::string& registers) {
        const auto description = parse_json(
            R"({"type":"modbus","every":"10ms","timeout":"200ms","address":"127.0.0.1:)" +
            std::to_string(server_.port()) + R"(","registers":)" + registers + "}");
        auto source = make_source(*description, {DeviceId{"gw"}, "press", &clock_});
        EXPECT_TRUE(source) << source.error().message;
        return std::move(*source);
    }
    RealClock clock_;
    TheirServer server_;
    std::unique_ptr<Loop> loop_ = *Loop::open();
};

TEST_F(ModbusMachine, gives_its_registers_as_signals_of_each_type) {
    auto& map = server_.map();
    map.tab_registers[10] = 0xfff6;  // -10
    map.tab_registers[12] = 0x4148;  // 12.5 is 0x41480000
    map.tab_registers[21] = 0xc010;  // -2.25 is 0xc0100000, its words swapped
    map.tab_input_registers[3] = 1000;
    map.tab_bits[2] = 1;
    map.tab_input_bits[5] = 1;
    auto source = open(R"([
        {"signal":"temperature","address":10,"type":"int16","scale":0.5,"offset":100,"unit":"Cel"},
        {"signal":"pressure","address":12,"type":"float32"},
        {"signal":"flow","address":20,"type":"float32","order":"cdab"},
        {"signal":"count","table":"input","address":3},
        {"signal":"on","table":"coils","address":2},
        {"signal":"door","table":"discrete","address":5}])");
    Heard heard;
    EXPECT_EQ(sync_wait(*loop_, source->run(heard, {})).error().code, Errc::cancelled);
    const std::map<std::string, double> wanted = {{"temperature", 95}, {"pressure", 12.5},
                                                  {"flow", -2.25},     {"count", 1000},
                                                  {"on", 1},           {"door", 1}};
    EXPECT_EQ(heard.values, wanted);
    EXPECT_EQ(heard.units["temperature"], "Cel");
    for (const auto& [name, quality] : heard.quality) EXPECT_TRUE(quality.is_good()) << name;
    EXPECT_EQ(source->status().state, "running");
}

TEST_F(ModbusMachine, a_register_that_it_does_not_have_is_bad_and_the_others_are_read) {
    auto source = open(R"([{"signal":"here","address":1},{"signal":"nowhere","address":500}])");
    Heard heard;
    ignore(sync_wait(*loop_, source->run(heard, {})), "cancelled by the sink");
    EXPECT_TRUE(heard.quality["here"].is_good());
    EXPECT_TRUE(heard.quality["nowhere"].is_bad());
    EXPECT_NE(source->status().refusal.find("address 500"), std::string::npos)
        << source->status().refusal;
}

TEST_F(ModbusMachine, is_bad_while_it_does_not_answer_and_good_when_it_is_back) {
    server_.map().tab_registers[1] = 7;
    auto source = open(R"([{"signal":"a","address":1}])");
    server_.deaf_ = true;
    Heard silent;
    ignore(sync_wait(*loop_, source->run(silent, {})), "cancelled by the sink");
    EXPECT_TRUE(silent.quality["a"].is_bad());
    EXPECT_TRUE(std::isnan(silent.values["a"]));
    EXPECT_NE(source->status().refusal.find("no answer"), std::string::npos);
    server_.deaf_ = false;
    Heard again;
    again.until = [](const Heard& heard) { return heard.quality.at("a").is_good(); };
    ignore(sync_wait(*loop_, source->run(again, {})), "cancelled by the sink");
    EXPECT_EQ(again.values["a"], 7);
}

#endif

}  // namespace
}  // namespace mw::sources
