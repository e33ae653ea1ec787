// A gateway that watches many signals closely: frames of one row come to its local MQTT listener,
// and the agent's own parts (source, processor, model, outbox) decide at the end of each window.
//
//   streaming_load gateway ENGINE WINDOWS FOLDER   prints its port, then figures as one line of
//   JSON streaming_load publish PORT FRAMES             the plant: 100 frames a second, as fast as
//   they are
//
// A sample's time is the clock's when its frame is sent, so a decision's delay begins at the plant:
// it counts the network, the broker, the features and the model, and whatever was in the way.
#include <sys/resource.h>

#include <array>
#include <fstream>
#include <iostream>

#include "base/crc32c.h"
#include "base/log.h"
#include "device/agent/processor.h"
#include "device/sources/mqtt.h"
#include "insight/native/native.h"
#include "insight/native/test_graph.h"
#include "platform/process/process.h"
#include "protocols/payload/payload.h"

namespace mw {
namespace {

constexpr int signals = 1000;
constexpr int rows_in_window = 100;
constexpr int hidden = 16;
constexpr std::array statistics{"mean", "deviation", "min", "max"};
constexpr int features = signals * int(statistics.size());
constexpr auto frame_every = milliseconds{10};
constexpr auto awake_before = microseconds{1500};
constexpr std::uint64_t warm_windows = 3;

std::string signal_name(int i) { return "axis." + std::to_string(i); }

// What /proc/self/status says of it, in MB: VmRSS, RssAnon.
double memory_mb(const std::string& key) {
    std::ifstream in("/proc/self/status");
    for (std::string word; in >> word;) {
        double kilobytes = 0;
        if (word == key + ":" && in >> kilobytes) return kilobytes / 1e3;
    }
    return 0;
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds_of = [](const timeval& t) {
        return double(t.tv_sec) + double(t.tv_usec) / 1e6;
    };
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

// An autoencoder's half and a score: features -> hidden -> 1.
Bytes network() {
    SeededRandom random(1);
    const auto weights = [&](int count, double size) {
        std::vector<float> numbers(std::size_t(count), 0);
        for (float& number : numbers) number = float(random.normal() * size);
        return numbers;
    };
    native::GraphWriter graph;
    graph.constant("w1", {features, hidden}, weights(features * hidden, .02));
    graph.constant("b1", {hidden}, weights(hidden, .1));
    graph.constant("w2", {hidden, 1}, weights(hidden, .3));
    graph.constant("b2", {1}, weights(1, .1));
    graph.input("x", {1, features});
    graph.node("Gemm", {"x", "w1", "b1"}, {"h"});
    graph.node("Relu", {"h"}, {"r"});
    graph.node("Gemm", {"r", "w2", "b2"}, {"y"});
    graph.output("y", {1, 1});
    return graph.model();
}

std::string pipeline_yaml() {
    std::string text = "version: 1\ninputs:\n";
    for (int i = 0; i < signals; ++i) text += "  - {name: " + signal_name(i) + "}\n";
    text += "window: {kind: tumbling, rows: " + std::to_string(rows_in_window) + "}\nfeatures:\n";
    for (int i = 0; i < signals; ++i)
        for (const char* statistic : statistics)
            text += "  - {name: f" + std::to_string(i) + "_" + statistic +
                    ", input: " + signal_name(i) + ", statistic: " + statistic +
                    ", center: 50, scale: 10}\n";
    return text + "threshold: {raise: 100, clear: 90}\n";
}

class Stopwatch final : public agent::Watcher {
 public:
    explicit Stopwatch(const Clock& clock) : clock_(clock) {}
    void saw(const Batch&) override { saw_ = clock_.now(); }
    void decided(const agent::ModelRunner&, const std::vector<Decision>& decisions) override {
        for (const Decision& decision : decisions) {
            if (++seen < warm_windows) continue;
            if (seen == warm_windows) {
                // As the agent does half a minute after its start.
                ignore(process::trim_memory(), "measured as it is");
                began = clock_.steady();
                cpu_at_begin = cpu_seconds();
                continue;
            }
            delays_us.push_back(double((clock_.now() - decision.window_to).count()) / 1e3);
            computing_us.push_back(decision.latency_us);
            coming_us.push_back(double((saw_ - decision.window_to).count()) / 1e3);
            fallbacks += !decision.fallback.empty();
            if (delays_us.size() < wanted) continue;
            cpu_share =
                (cpu_seconds() - cpu_at_begin) / (double((clock_.steady() - began).count()) / 1e9);
            enough.set();
        }
    }
    void gone(const std::string&) override {}

    std::uint64_t seen = 0, wanted = 0, fallbacks = 0;
    std::vector<double> delays_us, coming_us, computing_us;
    double cpu_at_begin = 0, cpu_share = 0;
    Event enough;

 private:
    const Clock& clock_;
    SteadyTime began;
    Timestamp saw_;
};

double quantile(std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1, std::size_t(share * double(values.size())))];
}

// What the hub's connection does: takes what is durable, and acknowledges it.
Task<> drain(outbox::Outbox& outbox) {
    for (;;) {
        while (outbox.try_next()) outbox.acknowledge_one();
        CO_TRY_VOID(co_await outbox.more());
    }
}

double inference_us(inference::Model& model) {
    std::vector<float> in(features), out(1);
    std::vector<double> took;
    SeededRandom random(3);
    RealClock clock;
    for (int i = 0; i < 500; ++i) {
        for (float& x : in) x = float(random.normal());
        const SteadyTime from = clock.steady();
        ignore(model.run(in, out), "measured");
        took.push_back(double((clock.steady() - from).count()) / 1e3);
    }
    return quantile(took, .5);
}

Result<std::shared_ptr<inference::Engine>> engine_named(const std::string& name) {
    return name == "native" ? native::open_native() : inference::open_onnx_runtime();
}

Result<> make_bundle(const std::string& path) {
    TRY(const auto engine, native::open_native());
    pipeline::BundleParts parts;
    parts.model = network();
    parts.pipeline = pipeline_yaml();
    TRY(const Bytes bundle, pipeline::make_bundle(std::move(parts), *engine));
    files::RealFiles files;
    return files::atomic_replace(files, path, bundle);
}

struct Gateway {
    RealClock clock;
    files::RealFiles files;
    std::unique_ptr<Loop> loop;
    Workers workers{WorkersOptions{.threads = 1}};
    std::unique_ptr<outbox::Outbox> outbox;
    std::unique_ptr<agent::Processor> processor;
    std::unique_ptr<sources::MqttSource> source;
    Stopwatch watch{clock};

    Result<> open(const std::string& engine, const std::string& folder);
    Result<> run(std::uint64_t windows);
    Json figures() const;
};

Result<> Gateway::open(const std::string& engine_name, const std::string& folder) {
    TRY(const auto engine, engine_named(engine_name));
    TRY(loop, Loop::open());
    outbox::Options options;
    options.directory = files::join(folder, "outbox");
    TRY(outbox, outbox::Outbox::open(files, *loop, workers, options));
    processor = std::make_unique<agent::Processor>(DeviceId{"gw-1"}, *outbox);
    processor->watch(&watch);
    TRY(Bytes bundle,
        files::read_all(files, files::join(folder, "bundle.tar"), std::uint64_t{64} << 20));
    TRY(auto loaded, pipeline::load_bundle(bundle, *engine, clock));
    bundle = {};
    const agent::Assignment assignment{DeviceId{"gw-1"}, "press", "watch", "1"};
    auto runner = std::make_unique<agent::ModelRunner>(assignment, std::move(loaded));
    TRY_VOID(sync_wait(*loop, processor->install(std::move(runner), {})));
    TRY_VOID(process::trim_memory());  // as the agent does when a model has come
    TRY(const Json description,
        parse_json(R"({"type":"mqtt","listen":"127.0.0.1:0","topics":[{"filter":"frames"}]})"));
    TRY(auto source_options, sources::mqtt_source_options(description));
    const sources::SourceContext context{DeviceId{"gw-1"}, "line", &clock, {}};
    TRY(source, sources::MqttSource::open(std::move(source_options), context));
    return {};
}

Result<> Gateway::run(std::uint64_t windows) {
    watch.wanted = windows;
    Scope scope(*loop);
    scope.spawn(drain(*outbox));
    scope.spawn(source->run(*processor, {}));
    scope.spawn(processor->rehearse([this] { source->rehearse(); }));  // as the agent does
    while (source->status().state == "starting") loop->turn(true);
    std::cout << source->address().port << std::endl;
    TRY_VOID(sync_wait(*loop, watch.enough.wait()));
    std::cout << to_json(figures()) << std::endl;
    scope.cancel();
    TRY_VOID(sync_wait(*loop, scope.join()));
    return sync_wait(*loop, outbox->stop());
}

Json Gateway::figures() const {
    const double rss = memory_mb("VmRSS"), anonymous = memory_mb("RssAnon");
    auto& model = processor->models().at("watch")->model();
    const auto of = [](const std::vector<double>& values) {
        return JsonObject{{"p50", quantile(values, .5)},
                          {"p99", quantile(values, .99)},
                          {"most", quantile(values, 1)}};
    };
    return JsonObject{{"engine", model.engine()},
                      {"windows", watch.delays_us.size()},
                      {"fallbacks", watch.fallbacks},
                      {"delay_us", of(watch.delays_us)},
                      {"until_the_processor_us", of(watch.coming_us)},
                      {"features_and_model_us", of(watch.computing_us)},
                      {"model_alone_us", inference_us(model)},
                      {"core_share", watch.cpu_share},
                      {"refused", source->status().refused},
                      {"rss_mb", rss},
                      {"rss_mb_anonymous", anonymous}};
}

// One row of the plant as an MQTT packet.
class Plant {
 public:
    Plant() : state_(signals, 50.0) {
        for (int i = 0; i < signals; ++i) {
            const auto at = std::uint32_t(i);
            batch_.runs.push_back({signal_name(i), "", at, at + 1});
        }
        batch_.times.resize(signals);
        batch_.values.resize(signals);
        batch_.quality.assign(signals, Quality::good());
    }
    // Ready but for its time and checksum, which stamp() sets.
    void next_row() {
        for (double& x : state_) x += random_.normal() - (x - 50) * .02;
        batch_.values = state_;
        batch_.position.sequence = ++sequence_;
        frame_.clear();
        payload::encode_binary(batch_, frame_, true);
        mqtt::Publish publish;
        publish.qos = mqtt::QoS::at_least_once;
        publish.id = mqtt::PacketId(sequence_ % 60'000 + 1);
        publish.topic = "frames";
        publish.payload = frame_;
        packet_.clear();
        mqtt::encode(packet_, mqtt::Version::v5, publish);
    }
    // docs/formats/points-binary.md: a row has one head, whose time is at its byte 16.
    ByteView stamp(Timestamp now) {
        const std::span<std::uint8_t> frame = std::span(packet_).last(frame_.size());
        const std::size_t names = load_le<std::uint32_t>(frame.data() + 12);
        store_le(frame.data() + 40 + (names + 7) / 8 * 8 + 16, now.ns);
        const std::size_t body = frame.size() - 8;
        store_le(frame.data() + body, crc32c(frame.first(body)));
        return packet_;
    }

 private:
    SeededRandom random_{2};
    std::vector<double> state_;
    Batch batch_;
    Bytes frame_, packet_;
    std::uint64_t sequence_ = 0;
};

Task<> discard(net::Stream& stream) {  // acknowledgements
    for (;;) {
        CO_TRY(const ByteView bytes, co_await stream.read());
        if (bytes.empty()) co_return Error{Errc::io_failed, "the gateway closed the connection"};
    }
}

// The plant is no part of what is measured: it is awake and has its packet ready when a row is due,
// so that the delay begins where the packet leaves it.
Task<> publish(std::uint16_t port, int frames) {
    RealClock clock;
    net::ConnectOptions where;
    where.host = "127.0.0.1";
    where.port = port;
    CO_TRY(const auto stream, co_await net::connect(std::move(where)));
    Bytes hello;
    mqtt::Connect connect;
    connect.version = mqtt::Version::v5;
    connect.client_id = "plant";
    mqtt::encode(hello, connect);
    CO_TRY_VOID(stream->write(hello));
    Scope scope(Loop::here());
    scope.spawn(discard(*stream));
    Plant plant;
    SteadyTime next = clock.steady();
    for (int i = 0; i < frames; ++i) {
        next = next + frame_every;
        const nanoseconds early = next - clock.steady() - awake_before;
        CO_TRY_VOID(co_await sleep_for(std::max(nanoseconds{0}, early)));
        plant.next_row();
        while (clock.steady() < next) plant.stamp(clock.now());
        CO_TRY_VOID(stream->write(plant.stamp(clock.now())));
        CO_TRY_VOID(co_await yield());  // the stream sends at the end of a turn
    }
    co_return Result<>{};
}

Result<> run(const std::vector<std::string>& words) {
    log::configure({.level = log::Level::warn});
    if (words.size() == 2 && words[0] == "bundle") return make_bundle(words[1]);
    if (words.size() == 4 && words[0] == "gateway") {
        Gateway gateway;
        TRY_VOID(gateway.open(words[1], words[3]));
        return gateway.run(std::stoull(words[2]));
    }
    if (words.size() == 3 && words[0] == "publish") {
        TRY(const auto loop, Loop::open());
        const auto port = static_cast<std::uint16_t>(std::stoul(words[1]));
        return sync_wait(*loop, publish(port, std::stoi(words[2])));
    }
    return Error{Errc::invalid_input,
                 "want: bundle FILE, gateway ENGINE WINDOWS FOLDER, or publish PORT FRAMES"};
}

}  // namespace
}  // namespace mw

int main(int argc, char** argv) {
    const auto outcome = mw::run({argv + 1, argv + argc});
    if (outcome) return 0;
    std::cerr << "streaming_load: " << outcome.error().message << '\n';
    return 1;
}
