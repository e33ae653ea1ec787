// load mqtt: a known load on a broker, and what came of it.
#include <sys/resource.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <iostream>

#include "apps/ctl/command.h"
#include "apps/load/load.h"

namespace mw::ctl {
namespace {

struct LoadArguments {
    load::Options options;
    std::string shape = "fan-in", during = "10s", version = "5";
    int qos = 1;
    std::uint32_t publishers = 0, subscribers = 0;  // 0: as the shape has it
    bool no_subscribers = false;
};

// As many descriptors as this process may have: each connection is one.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

Result<load::Options> options_from(const LoadArguments& a) {
    load::Options options = a.options;
    TRY(options.shape, load::shape_from(a.shape));
    TRY(options.duration, parse_duration(a.during).context("--for"));
    if (a.qos < 0 || a.qos > 2) return Error{Errc::invalid_input, "--qos: want 0, 1 or 2"};
    options.qos = static_cast<mqtt::QoS>(a.qos);
    if (a.version != "5" && a.version != "3.1.1")
        return Error{Errc::invalid_input, "--mqtt: want 5 or 3.1.1"};
    options.version = a.version == "5" ? mqtt::Version::v5 : mqtt::Version::v3_1_1;
    const bool out = options.shape == load::Shape::fan_out;
    const bool in = options.shape == load::Shape::fan_in;
    options.publishers = a.publishers > 0 ? a.publishers : out ? 1 : 100;
    options.subscribers = a.subscribers > 0 ? a.subscribers : in ? 1 : 100;
    if (options.shape == load::Shape::pairs) {
        if (a.publishers > 0 && a.subscribers == 0) options.subscribers = a.publishers;
        if (a.subscribers > 0 && a.publishers == 0) options.publishers = a.subscribers;
    }
    if (a.no_subscribers) options.subscribers = 0;
    if (options.shape == load::Shape::connect && options.idle == 0) options.idle = 100;
    options.tls = options.tls || !options.ca_file.empty();
    if (options.tls && options.ca_file.empty())
        return Error{Errc::invalid_input,
                     "--ca: want the PEM file of the authority that vouches for the broker"};
    return options;
}

Result<> load_mqtt(Context& context, const LoadArguments& a) {
    TRY(const Output output, context.output());
    TRY(auto options, options_from(a));
    TRY_VOID(load::check(options));
    raise_descriptor_limit();
    TRY(auto loop, Loop::open());
    Workers resolver{WorkersOptions{}};
    if (output == Output::table)
        std::cerr << "loading " << options.host << ':' << options.port << " ...\n";
    auto report = sync_wait(*loop, load::run_load(std::move(options), &resolver));
    if (!report) {
        Error error = std::move(report).error();
        if (error.code == Errc::io_failed)
            error.message += ". Next step: --host and --port of a broker that runs";
        return error;
    }
    if (output != Output::table)
        return print_json_or_yaml(load::to_json(*report), output), Result<>{};
    for (const auto& [what, figure] : load::rows_of(*report))
        std::cout << what << std::string(14 - std::min<std::size_t>(what.size(), 13), ' ') << figure
                  << '\n';
    return {};
}

void add_target_options(CLI::App& sub, load::Options& o) {
    sub.add_option("--host", o.host, "the broker; another machine than this wants --yes-load");
    sub.add_option("--port", o.port, "its port");
    sub.add_option("--yes-load", o.allowed_host, "the host once more, if it is another machine");
    sub.add_flag("--tls", o.tls, "over TLS");
    sub.add_option("--ca", o.ca_file, "PEM of the authority that vouches for the broker");
    sub.add_option("--cert", o.certificate_file, "PEM of our certificate, for mutual TLS");
    sub.add_option("--key", o.key_file, "PEM of its key");
}

}  // namespace

void add_load_verbs(CLI::App& app, Context& context) {
    auto* group = app.add_subcommand("load", "how much a broker carries");
    group->require_subcommand(1);
    auto* sub = group->add_subcommand("mqtt", "publishers and subscribers in a shape, measured");
    auto a = std::make_shared<LoadArguments>();
    load::Options& o = a->options;
    sub->add_option("shape", a->shape, "fan-in, fan-out, pairs, connect");
    add_target_options(*sub, o);
    sub->add_option("--publishers", a->publishers, "100; of fan-out 1");
    sub->add_option("--subscribers", a->subscribers, "100; of fan-in 1");
    sub->add_flag("--no-subscribers", a->no_subscribers, "publish and time the answers only");
    sub->add_option("--connections", o.idle, "further ones that only stay; of connect 100");
    sub->add_option("--opening", o.opening, "connections that open at the same time");
    sub->add_option("--rate", o.rate, "messages a second in all; 0: when what was sent has come");
    sub->add_option("--in-flight", o.in_flight, "of one publisher, not yet there");
    sub->add_option("--messages", o.messages, "of each publisher, then end; 0: until --for");
    sub->add_option("--for", a->during, "how long, at most 1h");
    sub->add_option("--payload", o.payload_bytes, "bytes of a message, 24 at least");
    sub->add_option("--qos", a->qos, "0, 1 or 2");
    sub->add_option("--mqtt", a->version, "5 or 3.1.1");
    sub->add_option("--topic", o.topic, "messages go to TOPIC/0, TOPIC/1, ...");
    add_output_option(*sub, context, "table, json, yaml");
    sub->footer(
        "Every message is told apart: lost, repeated and out of order are counted exactly.\n"
        "For example:\n  millwright load mqtt fan-in --port 1883 --rate 20000 --for 30s\n"
        "  millwright load mqtt pairs --publishers 50 --qos 2 --messages 1000 -o json\n"
        "  millwright load mqtt connect --connections 1000 --host localhost --port 8883 --ca "
        "root.pem --cert gw-1.pem --key gw-1.key");
    sub->callback([&context, a] { context.run([&] { return load_mqtt(context, *a); }); });
}

}  // namespace mw::ctl
