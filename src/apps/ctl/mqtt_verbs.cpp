// mqtt clients, subscriptions, retained, bridges, kick, trace: the running broker. mqtt credential.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <iostream>

#include "apps/ctl/command.h"
#include "base/random.h"
#include "protocols/mqtt/mqtt.h"

namespace mw::ctl {
namespace {

constexpr std::uint64_t page_items = 500;
constexpr std::uint64_t packets_default = 10'000;

struct MqttArguments {
    std::string identity, client, topic, filter, password_file, use_server, during = "5m";
    bool connected = false, absent = false, payload = false, forget = false, moved = false;
    std::uint64_t limit = 100, count = packets_default;
};
using Query = std::vector<std::pair<std::string, std::string>>;

struct MqttList {
    JsonArray items;
    bool more = false;
};

// Pages until there are `limit` items; 0: all of them.
Result<MqttList> list_of(Hub& hub, const std::string& path, const Query& filters,
                         std::uint64_t limit) {
    MqttList list;
    std::string next;
    do {
        const std::uint64_t left = limit == 0 ? page_items : limit - list.items.size();
        Query query = filters;
        query.emplace_back("limit", std::to_string(std::min(left, page_items)));
        if (!next.empty()) query.emplace_back("continue", next);
        TRY(const Json page, hub.get(path, std::move(query)));
        const Json* items = find(page, "items");
        if (!items || !items->is_array())
            return Error{Errc::io_failed, "the hub's list has no items"};
        for (const Json& item : items->get_array()) list.items.push_back(item);
        next = find_string(page, "continue").value_or("");
    } while (!next.empty() && (limit == 0 || list.items.size() < limit));
    list.more = !next.empty();
    return list;
}

Query whose(const MqttArguments& a) {
    Query query;
    if (!a.identity.empty()) query.emplace_back("identity", a.identity);
    if (!a.client.empty()) query.emplace_back("client", a.client);
    if (a.connected) query.emplace_back("connected", "1");
    if (a.absent) query.emplace_back("connected", "0");
    return query;
}

// Clients choose their identifiers, topics and payloads: none of them may steer the terminal.
std::string harmless(std::string text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        const bool second = i > 0 && static_cast<unsigned char>(text[i - 1]) == 0xc2;
        if (c < 0x20 || c == 0x7f || (second && c < 0xa0)) text[i] = second ? '\xbf' : ' ';
    }
    return text;
}

void print_list(const MqttList& list, Table table) {
    for (auto& row : table.rows)
        for (auto& text : row) text = harmless(std::move(text));
    std::cout << render(table, terminal_width());
    if (list.more)
        std::cout << "the first " << list.items.size()
                  << ". Next step: narrow it down, or --limit 0 for all\n";
}

// "3 s", "12 min", "5 h", "2 d"
std::string short_time(const Json& item, const char* path) {
    const auto value = find_number(item, path);
    if (!value) return "-";
    if (*value < 120) return std::to_string(static_cast<int>(*value)) + " s";
    if (*value < 7'200) return std::to_string(static_cast<int>(*value / 60)) + " min";
    if (*value < 172'800) return std::to_string(static_cast<int>(*value / 3'600)) + " h";
    return std::to_string(static_cast<int>(*value / 86'400)) + " d";
}

Result<> show_clients(Context& context, const MqttArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const auto list, list_of(*hub, "/v1/mqtt/clients", whose(a), a.limit));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(list.items, output), Result<>{};
    if (list.items.empty())
        return std::cout << "no such clients. Next step: millwright mqtt clients\n", Result<>{};
    Table table{{"IDENTITY", "CLIENT", "STATE", "FROM", "MQTT", "UP", "SILENT", "SUBS", "INFLIGHT",
                 "QUEUED", "SPILLED"},
                {}};
    for (const Json& one : list.items)
        table.rows.push_back({cell(one, "identity"), cell(one, "client"),
                              find_bool(one, "connected").value_or(false) ? "connected" : "absent",
                              cell(one, "peer"), cell(one, "version"),
                              short_time(one, "connected_s"), short_time(one, "silent_s"),
                              cell(one, "subscriptions"), cell(one, "inflight"),
                              cell(one, "queued"), cell(one, "spilled")});
    return print_list(list, table), Result<>{};
}

Result<> show_subscriptions(Context& context, const MqttArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    Query query = whose(a);
    if (!a.topic.empty()) query.emplace_back("topic", a.topic);
    TRY(const auto list, list_of(*hub, "/v1/mqtt/subscriptions", query, a.limit));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(list.items, output), Result<>{};
    if (list.items.empty()) {
        std::cout << (a.topic.empty() ? "no such subscriptions\n"
                                      : "nobody would get a message on " + a.topic + "\n");
        return {};
    }
    Table table{{"IDENTITY", "CLIENT", "STATE", "FILTER", "QOS"}, {}};
    for (const Json& one : list.items)
        table.rows.push_back({cell(one, "identity"), cell(one, "client"),
                              find_bool(one, "connected").value_or(false) ? "connected" : "absent",
                              cell(one, "filter"), cell(one, "qos")});
    return print_list(list, table), Result<>{};
}

std::string payload_of(const Json& item) {
    if (find(item, "payload")) return cell(item, "payload");
    return find(item, "payload_base64") ? "base64:" + cell(item, "payload_base64") : "";
}

Result<> show_retained(Context& context, const MqttArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    Query query;
    if (!a.filter.empty()) query.emplace_back("filter", a.filter);
    if (a.payload) query.emplace_back("payload", "1");
    TRY(const auto list, list_of(*hub, "/v1/mqtt/retained", query, a.limit));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(list.items, output), Result<>{};
    if (list.items.empty()) return std::cout << "no such retained messages\n", Result<>{};
    Table table{{"TOPIC", "QOS", "BYTES", "EXPIRES IN"}, {}};
    if (a.payload) table.header.emplace_back("PAYLOAD");
    for (const Json& one : list.items) {
        table.rows.push_back({cell(one, "topic"), cell(one, "qos"), cell(one, "payload_bytes"),
                              short_time(one, "expires_s")});
        if (a.payload) table.rows.back().push_back(payload_of(one));
    }
    return print_list(list, table), Result<>{};
}

Result<> show_bridges(Context& context) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Json page, hub->get("/v1/mqtt/bridges", {}));
    MqttList list;
    if (const Json* items = find(page, "items"); items && items->is_array())
        list.items = items->get_array();
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(list.items, output), Result<>{};
    if (list.items.empty())
        return std::cout << "no bridges. Next step: mqtt.bridges in hub.yaml; millwright config "
                            "explain mqtt.bridges\n",
               Result<>{};
    Table table{{"BRIDGE", "REMOTE", "MQTT", "STATE", "SINCE", "SENT", "RECEIVED", "LOOPS",
                 "WAITING", "ERROR"},
                {}};
    for (const Json& one : list.items)
        table.rows.push_back({cell(one, "name"), cell(one, "remote"), cell(one, "version"),
                              find_bool(one, "connected").value_or(false) ? "connected" : "away",
                              short_time(one, "since_s"), cell(one, "sent"), cell(one, "received"),
                              cell(one, "dropped.loop"), cell(one, "waiting"),
                              cell(one, "last_error")});
    return print_list(list, table), Result<>{};
}

Result<> kick_clients(Context& context, const MqttArguments& a) {
    if (a.identity.empty() && a.client.empty())
        return Error{
            Errc::invalid_input,
            "whom? Next step: millwright mqtt clients, then millwright mqtt kick IDENTITY"};
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    JsonObject order{{"forget", a.forget}};
    if (!a.identity.empty()) order["identity"] = a.identity;
    if (!a.client.empty()) order["client"] = a.client;
    if (!a.use_server.empty()) order["use_server"] = a.use_server;
    if (a.moved) order["moved"] = true;
    TRY(const Json done, hub->send(http::Method::post, "/v1/mqtt/kick", std::move(order)));
    if (output != Output::table) return print_json_or_yaml(done, output), Result<>{};
    const auto connections = find_integer(done, "connections").value_or(0);
    const auto sessions = find_integer(done, "sessions").value_or(0);
    std::cout << connections << " connections ended";
    if (a.forget) std::cout << ", " << sessions << " sessions forgotten";
    std::cout << '\n';
    if (connections == 0 && sessions == 0)
        return Error{Errc::not_found,
                     "no client has that identity and identifier. Next step: millwright mqtt "
                     "clients"};
    return {};
}

// "12:00:01.250  <-  gw-1/c1  PUBLISH  mw/v1/gw-1/data/main  QoS 1, id 7, 412 B"
std::string line_of(const Json& packet) {
    std::string at = cell(packet, "at");
    if (at.size() > 23) at = at.substr(0, 23);
    if (at.size() > 11) at = at.substr(11);
    while (at.size() < 12) at += at.size() == 8 ? '.' : '0';
    std::string line = at + (cell(packet, "direction") == "in" ? "  <-  " : "  ->  ");
    const std::string identity = find_string(packet, "identity").value_or("");
    const std::string client = find_string(packet, "client").value_or("");
    line += (identity.empty() ? "" : identity + "/") + (client.empty() ? "?" : client) + "  " +
            cell(packet, "packet");
    std::string facts;
    const auto add = [&facts](const std::string& fact) {
        facts += (facts.empty() ? "" : ", ") + fact;
    };
    if (find(packet, "topic")) {
        line += "  " + cell(packet, "topic");
        add("QoS " + cell(packet, "qos"));
        if (find_bool(packet, "retain").value_or(false)) add("retain");
        if (find_bool(packet, "dup").value_or(false)) add("dup");
    }
    if (find(packet, "id")) add("id " + cell(packet, "id"));
    if (find(packet, "payload_bytes")) add(cell(packet, "payload_bytes") + " B");
    if (find(packet, "detail")) add(cell(packet, "detail"));
    if (!facts.empty()) line += "  " + facts;
    const std::string payload = payload_of(packet);
    return harmless(payload.empty() ? line : line + "  " + payload);
}

Result<> trace_packets(Context& context, const MqttArguments& a) {
    if (a.topic.empty() && a.client.empty())
        return Error{Errc::invalid_input,
                     "what? Next step: millwright mqtt trace 'mw/v1/gw-1/#', or --client gw-1"};
    TRY(const nanoseconds during, parse_duration(a.during).context("--for"));
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    Query query{{"count", std::to_string(a.count)},
                {"seconds", std::to_string(during / seconds{1})}};
    if (!a.topic.empty()) query.emplace_back("topic", a.topic);
    if (!a.client.empty()) query.emplace_back("client", a.client);
    if (a.payload) query.emplace_back("payload", "1");
    const auto print = [output](const http::ServerEvent& event) {
        const auto body = parse_json(event.data);
        if (!body) return true;
        if (event.event == "packet")
            std::cout << (output == Output::json ? mw::to_json(*body) : line_of(*body))
                      << std::endl;
        else if (event.event == "dropped")
            std::cerr << "(so far " << cell(*body, "dropped")
                      << " packets came faster than they were read; narrow the trace down)\n";
        else
            std::cerr << "(" << cell(*body, "packets") << " packets, ended by "
                      << cell(*body, "because") << ")\n";
        return true;
    };
    return hub->follow("/v1/mqtt/trace", std::move(query), print);
}

// A line for the hub's file; the password itself goes nowhere.
Result<> print_credential(const MqttArguments& a) {
    TRY(std::string password, read_file(a.password_file.empty() ? "-" : a.password_file));
    password.resize(std::min(password.find('\n'), password.size()));
    if (a.identity.find_first_of(" #\n") != std::string::npos)
        return Error{Errc::invalid_input, "name: want the name in the certificate"};
    Bytes salt(16);
    SystemRandom().fill(salt);
    TRY(const auto verifier, mqtt::scram_verifier(password, salt, mqtt::scram_rounds));
    std::cout << a.identity << ' ' << mqtt::to_text(verifier) << '\n';
    return {};
}

void add_credential(CLI::App& mqtt, Context& context) {
    auto* credential = mqtt.add_subcommand(
        "credential", "a line for the hub's mqtt.scram_credentials, from a password");
    auto a = std::make_shared<MqttArguments>();
    credential->add_option("name", a->identity, "of the service or user, as in its certificate")
        ->required();
    credential->add_option("--password-file", a->password_file,
                           "its first line; without it, that of standard input");
    credential->footer(
        "The hub reads the file when it starts; it must have mode 0600. Who is in it must prove "
        "the password by SCRAM-SHA-256 when it connects.\nFor example:\n  millwright mqtt "
        "credential historian --password-file pw >> DATA/scram");
    credential->callback([&context, a] { context.run([&] { return print_credential(*a); }); });
}

void add_whose_options(CLI::App& sub, const std::shared_ptr<MqttArguments>& a) {
    sub.add_option("--identity", a->identity, "of this device, user or service");
    sub.add_option("--client", a->client, "with this client identifier");
    auto* connected = sub.add_flag("--connected", a->connected, "only who is connected");
    sub.add_flag("--absent", a->absent, "only remembered sessions")->excludes(connected);
    sub.add_option("--limit", a->limit, "show at most so many; 0: all");
}

void add_lists(CLI::App& mqtt, Context& context) {
    auto* clients = mqtt.add_subcommand("clients", "who is connected, or remembered");
    auto a = std::make_shared<MqttArguments>();
    add_whose_options(*clients, a);
    add_output_option(*clients, context, "table, json, yaml");
    clients->footer(
        "For example:\n  millwright mqtt clients --connected\n  millwright mqtt clients "
        "--identity gw-1 -o json");
    clients->callback([&context, a] { context.run([&] { return show_clients(context, *a); }); });

    auto* subscriptions =
        mqtt.add_subcommand("subscriptions", "who subscribed to what; or whom a topic reaches");
    auto b = std::make_shared<MqttArguments>();
    subscriptions->add_option("topic", b->topic, "only those that a message on it would reach");
    add_whose_options(*subscriptions, b);
    add_output_option(*subscriptions, context, "table, json, yaml");
    subscriptions->footer(
        "For example:\n  millwright mqtt subscriptions mw/v1/gw-1/desired\n  millwright mqtt "
        "subscriptions --identity gw-1");
    subscriptions->callback(
        [&context, b] { context.run([&] { return show_subscriptions(context, *b); }); });

    auto* retained = mqtt.add_subcommand("retained", "the last message of each topic that has one");
    auto c = std::make_shared<MqttArguments>();
    retained->add_option("filter", c->filter, "topics that match; quote # and +");
    retained->add_flag("--payload", c->payload, "what is in them, up to 4 KiB each");
    retained->add_option("--limit", c->limit, "show at most so many; 0: all");
    add_output_option(*retained, context, "table, json, yaml");
    retained->footer(
        "For example:\n  millwright mqtt retained 'mw/v1/+/desired'\n  millwright mqtt retained "
        "mw/v1/gw-1/desired --payload -o json");
    retained->callback([&context, c] { context.run([&] { return show_retained(context, *c); }); });

    auto* bridges =
        mqtt.add_subcommand("bridges", "other brokers that messages go to and come from");
    add_output_option(*bridges, context, "table, json, yaml");
    bridges->footer(
        "They are configured in hub.yaml (mqtt.bridges). What waits for one that is away: "
        "millwright mqtt clients --identity bridge:NAME\nFor example:\n  millwright mqtt bridges");
    bridges->callback([&context] { context.run([&] { return show_bridges(context); }); });
}

}  // namespace

void add_mqtt_verbs(CLI::App& app, Context& context) {
    auto* mqtt = app.add_subcommand("mqtt", "the broker as it is now: clients, messages, packets");
    mqtt->require_subcommand(1);
    mqtt->footer(
        "For example:\n  millwright mqtt clients --connected\n  millwright mqtt trace --client "
        "gw-1\n  mosquitto_sub ... -t '$SYS/#' shows the broker's own counters");
    add_lists(*mqtt, context);

    add_credential(*mqtt, context);

    auto* kick = mqtt->add_subcommand("kick", "end connections; an audit fact says who did it");
    auto a = std::make_shared<MqttArguments>();
    kick->add_option("identity", a->identity, "of this device, user or service");
    kick->add_option("--client", a->client, "only with this client identifier");
    kick->add_flag("--forget", a->forget, "forget their sessions, too: what is queued is lost");
    auto* elsewhere = kick->add_option("--use-server", a->use_server,
                                       "tell them to go there, as hub-2.example:8883");
    kick->add_flag("--moved", a->moved, "and never to come back here")->needs(elsewhere);
    add_output_option(*kick, context, "table, json, yaml");
    kick->footer(
        "They may connect again at once; to shut a device out, delete it or revoke its "
        "certificate.\nFor example:\n  millwright mqtt kick gw-1\n  millwright mqtt kick gw-1 "
        "--client replay --forget\n  millwright mqtt kick gw-1 --use-server hub-2:8883 --moved");
    kick->callback([&context, a] { context.run([&] { return kick_clients(context, *a); }); });

    auto* trace = mqtt->add_subcommand("trace", "packets as they pass, until Ctrl-C or a limit");
    auto b = std::make_shared<MqttArguments>();
    trace->add_option("topic", b->topic, "messages on topics that match; quote # and +");
    trace->add_option("--client", b->client, "packets of this identity or client identifier");
    trace->add_flag("--payload", b->payload, "what is in them, up to 4 KiB each; leaves a fact");
    trace->add_option("--count", b->count, "end after so many packets, at most 1000000");
    trace->add_option("--for", b->during, "end after this time, at most 1h");
    add_output_option(*trace, context, "table, json");
    trace->footer(
        "<- comes from the client, -> goes to it. What comes faster than it is read is dropped "
        "and counted.\nFor example:\n  millwright mqtt trace 'mw/v1/gw-1/#' --count 20\n  "
        "millwright mqtt trace --client gw-1 --for 30s -o json");
    trace->callback([&context, b] { context.run([&] { return trace_packets(context, *b); }); });
}

}  // namespace mw::ctl
