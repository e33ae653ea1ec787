#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/log.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

using Words = std::vector<std::string>;

Words split(std::string_view line, char at = ' ') {
    Words words;
    std::istringstream stream{std::string(line)};
    for (std::string word; std::getline(stream, word, at);)
        if (!word.empty()) words.push_back(word);
    return words;
}

// '#' begins a comment; '%' stands for the wildcard.
std::string uncommented(const std::string& line) {
    std::string text = line.substr(0, line.find('#'));
    std::replace(text.begin(), text.end(), '%', '#');
    return text;
}

std::string underscored(std::string_view words) {
    std::string text(words);
    std::replace(text.begin(), text.end(), ' ', '_');
    return text;
}

// The words of one line: key=value pairs apart from the rest.
struct Arguments {
    explicit Arguments(const Words& words) {
        for (std::size_t i = 1; i < words.size(); ++i) {
            const std::size_t equals = words[i].find('=');
            if (equals == std::string::npos)
                plain.push_back(words[i]);
            else
                named[words[i].substr(0, equals)] = words[i].substr(equals + 1);
        }
    }
    bool has(const std::string& key) const { return named.contains(key); }
    std::string text(const std::string& key) const {
        const auto found = named.find(key);
        return found == named.end() ? std::string() : found->second;
    }
    std::uint32_t number(const std::string& key, std::uint32_t otherwise) const {
        return has(key) ? static_cast<std::uint32_t>(std::stoul(named.at(key), nullptr, 0))
                        : otherwise;
    }
    std::map<std::string, std::string> named;
    Words plain;
};

class Player {
 public:
    std::string play(std::string_view conversation) {
        std::istringstream lines{std::string(conversation)};
        std::size_t number = 0;
        for (std::string line; std::getline(lines, line);) {
            ++number;
            const std::string wrong = one(uncommented(line));
            if (!wrong.empty()) return "line " + std::to_string(number) + ": " + wrong;
        }
        for (auto& [name, client] : world().clients)
            if (auto left = next_packet(*client))
                return "at the end: " + name + " got " + *left + " that no line names";
        return {};
    }

 private:
    FakeWorld& world() {
        if (!world_) world_.emplace(*authorizer_, limits_);
        return *world_;
    }

    std::string one(const std::string& line) {
        const Words words = split(line);
        if (words.empty()) return {};
        const std::string& first = words[0];
        if (first.ends_with('>')) return send(first.substr(0, first.size() - 1), tail(words));
        if (first.ends_with('<')) return expect(first.substr(0, first.size() - 1), tail(words));
        if (first == "limit") return set_limit(Arguments(words));
        if (first == "methods") return methods(Arguments(words)), std::string();
        if (first == "device-topics") return authorizer_ = &device_topics_, std::string();
        if (first == "device") return identities_[words.at(1)] = words.at(2), std::string();
        if (first == "uplink") return uplink(words);
        if (first == "advance") return advance(words.at(1));
        if (first == "durable") {
            world().uplink.reached = {std::stoull(words.at(1))};
            return world().core.on_durable(world().uplink.reached), std::string();
        }
        if (first == "lost") return client(words.at(1)).connection->lost("cut"), std::string();
        if (first == "stuck") return client(words.at(1)).wire.stuck = true, std::string();
        if (first == "kick") return kick(Arguments(words)), std::string();
        if (first == "redirect") return redirect(Arguments(words)), std::string();
        if (first == "shutdown") return world().core.shut_down(), std::string();
        if (first == "local") return local(Arguments(words));
        return "no such command: " + first;
    }

    static Words tail(const Words& words) { return {words.begin() + 1, words.end()}; }

    void methods(const Arguments& arguments) {
        world().core.use(&world().methods);
        if (arguments.has("required")) world().methods.required = arguments.text("required");
    }

    // use_server=NAME or server_moved=NAME; neither: nothing.
    static std::optional<Redirect> redirection(const Arguments& arguments) {
        if (arguments.has("server_moved")) return Redirect{arguments.text("server_moved"), true};
        if (arguments.has("use_server")) return Redirect{arguments.text("use_server"), false};
        return std::nullopt;
    }

    void redirect(const Arguments& arguments) {
        world().core.use([to = redirection(arguments)](const Identity&) { return to; });
    }

    void kick(const Arguments& arguments) {
        const auto to = redirection(arguments);
        world().core.kick({.identity = arguments.plain.at(0), .forget = !to, .to = to});
    }

    FakeClient& client(const std::string& name) { return *world().clients.at(name); }

    std::string set_limit(const Arguments& arguments) {
        for (const auto& [key, text] : arguments.named) {
            const std::uint32_t value = arguments.number(key, 0);
            if (key == "receive_maximum")
                limits_.receive_maximum = static_cast<std::uint16_t>(value);
            else if (key == "packet_bytes")
                limits_.packet_bytes = value;
            else if (key == "topic_levels")
                limits_.topic_levels = value;
            else if (key == "subscriptions_per_session")
                limits_.subscriptions_per_session = value;
            else if (key == "retained_messages")
                limits_.retained_messages = value;
            else if (key == "queued_messages")
                limits_.queued_messages = value;
            else if (key == "outbox_bytes")
                limits_.outbox_bytes = value;
            else if (key == "sessions")
                limits_.sessions = value;
            else if (key == "share_strategy")
                limits_.share_strategy = static_cast<ShareStrategy>(value);
            else if (key == "keep_alive_s")
                limits_.keep_alive = seconds{value};
            else if (key == "session_expiry_s")
                limits_.session_expiry = seconds{value};
            else
                return "no such limit: " + key;
        }
        return {};
    }

    std::string advance(const std::string& text) {
        auto step = parse_duration(text);
        if (!step) return step.error().message;
        world().advance(*step);
        return {};
    }

    std::string uplink(const Words& words) {
        FakeUplink& uplink = world().uplink;
        const std::string& verb = words.at(1);
        if (verb == "got") {
            if (uplink.got.empty()) return "the uplink got nothing";
            const FakeUplink::Got got = uplink.got.front();
            uplink.got.pop_front();
            const std::string have = got.topic + " " + got.payload;
            const std::string want = words.at(2) + " " + (words.size() > 3 ? words[3] : "");
            return have == want ? "" : "the uplink got " + have;
        }
        if (verb == "empty")
            return uplink.got.empty() ? "" : "the uplink got " + uplink.got[0].topic;
        static const std::map<std::string, FakeUplink::Mode> modes{
            {"accepts", FakeUplink::Mode::accept},
            {"delays", FakeUplink::Mode::delay},
            {"overloaded", FakeUplink::Mode::overloaded},
            {"broken", FakeUplink::Mode::broken},
            {"denies", FakeUplink::Mode::deny}};
        if (!modes.contains(verb)) return "no such uplink: " + verb;
        uplink.mode = modes.at(verb);
        return {};
    }

    std::string local(const Arguments& arguments) {
        const std::string payload = arguments.plain.size() > 1 ? arguments.plain[1] : "";
        auto done = world().core.publish_local(arguments.plain.at(0), bytes_of(payload),
                                               arguments.number("retain", 0) != 0,
                                               static_cast<QoS>(arguments.number("qos", 0)));
        return done ? "" : done.error().message;
    }

    // ---- what clients send
    std::string send(const std::string& name, const Words& words) {
        const bool connects = words.at(0) == "CONNECT" || words[0] == "connection";
        if (connects && !(world().clients.contains(name) && !client(name).wire.closed &&
                          words[0] == "CONNECT")) {
            Identity identity;
            if (identities_.contains(name)) identity = {Identity::Kind::device, identities_[name]};
            world().clients.erase(name);
            world().open(name, identity);
            const bool old = Arguments(words).number("version", 5) == 4;
            client(name).version = old ? Version::v3_1_1 : Version::v5;
            if (words[0] == "connection") return {};
        }
        if (!world().clients.contains(name)) return name + " has no connection";
        FakeClient& from = client(name);
        Bytes bytes;
        const std::string wrong = encode_line(from, words, bytes);
        if (!wrong.empty()) return wrong;
        from.connection->receive(bytes);
        return {};
    }

    std::string encode_line(FakeClient& from, const Words& words, Bytes& out) {
        const Arguments a(words);
        const std::string& type = words[0];
        const auto id = static_cast<PacketId>(a.number("id", 1));
        if (type == "hex") {
            std::string text;
            for (const std::string& part : tail(words)) text += part;
            auto bytes = from_hex(text);
            if (!bytes) return bytes.error().message;
            out = *bytes;
            if (out.size() > 8 && out[0] == 0x10 && out[3] == 4)
                from.version = out[8] >= 5 ? Version::v5 : Version::v3_1_1;
            return {};
        }
        if (type == "CONNECT") return connect_line(from, a, out);
        if (type == "PUBLISH") return publish_line(from, a, out);
        if (type == "SUBSCRIBE") return subscribe_line(from, a, out);
        if (type == "UNSUBSCRIBE") {
            Unsubscribe packet;
            packet.id = id;
            for (const std::string& filter : a.plain) packet.filters.push_back(filter);
            return encode(out, from.version, packet), std::string();
        }
        if (type == "PINGREQ") return encode_empty(out, PacketType::pingreq), std::string();
        if (type == "DISCONNECT" || type == "AUTH") {
            Disconnect packet;
            packet.reason = static_cast<ReasonCode>(a.number("reason", 0));
            const std::string method = a.text("auth"), data = method_data(a);
            add_method(packet.properties, method, data);
            if (a.has("expiry"))
                packet.properties.set(Property::session_expiry, a.number("expiry", 0));
            encode(out, from.version, type == "AUTH" ? PacketType::auth : PacketType::disconnect,
                   packet);
            return {};
        }
        static const std::map<std::string, PacketType> acks{{"PUBACK", PacketType::puback},
                                                            {"PUBREC", PacketType::pubrec},
                                                            {"PUBREL", PacketType::pubrel},
                                                            {"PUBCOMP", PacketType::pubcomp}};
        if (!acks.contains(type)) return "no such packet: " + type;
        Ack packet;
        packet.id = id;
        packet.reason = static_cast<ReasonCode>(a.number("reason", 0));
        return encode(out, from.version, acks.at(type), packet), std::string();
    }

    // data=pass_gw-1: "pass gw-1".
    static std::string method_data(const Arguments& a) {
        std::string data(a.number("data_size", 0), 'x');
        if (data.empty()) data = a.text("data");
        std::replace(data.begin(), data.end(), '_', ' ');
        return data;
    }
    static void add_method(Properties& properties, const std::string& method,
                           const std::string& data) {
        if (!method.empty()) properties.set(Property::authentication_method, method);
        if (!data.empty()) properties.set(Property::authentication_data, data);
    }

    // "b:1,a:2": in this order.
    static void add_users(const Words& pairs, Properties& properties) {
        for (const std::string& pair : pairs) {
            const std::size_t colon = pair.find(':');
            const std::string_view whole(pair);
            properties.add_user(whole.substr(0, colon), whole.substr(colon + 1));
        }
    }

    std::string connect_line(FakeClient& from, const Arguments& a, Bytes& out) {
        Connect packet;
        const Words will_users = split(a.text("will_user"), ',');
        const std::string long_id(a.number("client_size", 0), 'x');
        packet.version = from.version = a.number("version", 5) == 5 ? Version::v5 : Version::v3_1_1;
        const std::string id = a.text("client"), user = a.text("user");
        const std::string method = a.text("auth"), data = method_data(a);
        const std::string topic = a.text("will"), payload = a.text("will_payload");
        packet.client_id = long_id.empty() ? id : long_id;
        packet.clean_start = a.number("clean", 1) != 0;
        packet.keep_alive_s = static_cast<std::uint16_t>(a.number("keepalive", 0));
        if (!user.empty()) packet.user_name = user;
        if (!topic.empty()) {
            WillView& will = packet.will.emplace();
            will.topic = topic;
            will.payload = bytes_of(payload);
            will.qos = static_cast<QoS>(a.number("will_qos", 0));
            will.retain = a.number("will_retain", 0) != 0;
            if (a.has("will_delay"))
                will.properties.set(Property::will_delay, a.number("will_delay", 0));
            add_users(will_users, will.properties);
        }
        const std::pair<const char*, Property> numbers[]{
            {"expiry", Property::session_expiry},
            {"receive_max", Property::receive_maximum},
            {"max_packet", Property::maximum_packet_size},
            {"response_information", Property::request_response_information},
            {"problem_information", Property::request_problem_information}};
        for (const auto& [key, property] : numbers)
            if (a.has(key)) packet.properties.set(property, a.number(key, 0));
        add_method(packet.properties, method, data);
        encode(out, packet);
        return {};
    }

    std::string publish_line(FakeClient& from, const Arguments& a, Bytes& out) {
        Publish packet;
        std::string payload = a.plain.size() > 1 ? a.plain[1] : "";
        if (a.has("size")) payload.assign(a.number("size", 0), 'x');
        const std::string topic = a.plain.empty() ? "" : a.plain[0], type = a.text("content_type");
        const std::string response = a.text("response"), correlation = a.text("correlation");
        const Words users = split(a.text("user"), ',');
        packet.topic = topic;
        packet.payload = bytes_of(payload);
        packet.qos = static_cast<QoS>(a.number("qos", 0));
        packet.retain = a.number("retain", 0) != 0;
        packet.dup = a.number("dup", 0) != 0;
        packet.id = static_cast<PacketId>(a.number("id", packet.qos == QoS::at_most_once ? 0 : 1));
        if (a.has("alias")) packet.properties.set(Property::topic_alias, a.number("alias", 0));
        if (a.has("expiry")) packet.properties.set(Property::message_expiry, a.number("expiry", 0));
        if (a.has("subid")) packet.properties.add_subscription_id(a.number("subid", 1));
        if (!type.empty()) packet.properties.set(Property::content_type, type);
        if (a.has("format")) packet.properties.set(Property::payload_format, a.number("format", 0));
        if (!response.empty()) packet.properties.set(Property::response_topic, response);
        if (!correlation.empty()) packet.properties.set(Property::correlation_data, correlation);
        add_users(users, packet.properties);
        encode(out, from.version, packet);
        return {};
    }

    std::string subscribe_line(FakeClient& from, const Arguments& a, Bytes& out) {
        Subscribe packet;
        packet.id = static_cast<PacketId>(a.number("id", 1));
        if (a.has("subid")) packet.properties.add_subscription_id(a.number("subid", 1));
        for (const std::string& word : a.plain) {  // FILTER[@QOS[,nl][,rap][,rh1|rh2]]
            const std::size_t at = word.find('@');
            FilterRequest& request = packet.filters.emplace_back();
            request.filter = std::string_view(word).substr(0, at);
            if (at == std::string::npos) continue;
            for (const std::string& option : split(word.substr(at + 1), ',')) {
                if (option == "nl")
                    request.options.no_local = true;
                else if (option == "rap")
                    request.options.retain_as_published = true;
                else if (option == "rh1")
                    request.options.retain_handling = RetainHandling::send_if_new;
                else if (option == "rh2")
                    request.options.retain_handling = RetainHandling::never;
                else
                    request.options.qos = static_cast<QoS>(std::stoi(option));
            }
        }
        encode(out, from.version, packet);
        return {};
    }

    // ---- what clients get
    std::string expect(const std::string& name, const Words& want) {
        if (!world().clients.contains(name)) return name + " has no connection";
        FakeClient& to = client(name);
        const auto got = next_packet(to);
        if (want.at(0) == "nothing") return got ? "got " + *got : "";
        if (want[0] == "closed") {
            if (got) return "got " + *got;
            return to.wire.closed ? "" : "the connection is open";
        }
        if (want[0] == "open") return got ? "got " + *got : to.wire.closed ? "it is closed" : "";
        if (!got) return "got nothing" + std::string(to.wire.closed ? "; it is closed" : "");
        const Words have = split(*got);
        if (have[0] != want[0]) return "got " + *got;
        for (const std::string& word : want) {
            const bool absent = word[0] == '!';
            const std::string bare = word.substr(absent ? 1 : 0);
            const bool found = std::any_of(have.begin(), have.end(), [&](const std::string& w) {
                return w == bare || (absent && w.starts_with(bare + "="));
            });
            if (found == absent) return "wanted " + word + ", got " + *got;
        }
        return {};
    }

    static std::optional<std::string> next_packet(FakeClient& client) {
        const ByteView rest = ByteView(client.wire.written).subspan(client.read);
        Frame frame;
        const Fault fault = next_frame(rest, max_packet, frame);
        if (!fault.ok()) return "bytes that are no packet: " + fault.describe();
        if (frame.size == 0) return std::nullopt;
        client.read += frame.size;
        return render(frame, client.version);
    }

    // What a server may say, or not, besides its reason code.
    static std::string remarks(const Properties& properties) {
        std::string text;
        if (properties.has(Property::reason_string)) text += " why";
        if (properties.has(Property::response_information)) text += " response";
        if (properties.has(Property::server_reference))
            text.append(" server=").append(properties.text(Property::server_reference));
        if (properties.has(Property::authentication_method))
            text.append(" auth=").append(properties.text(Property::authentication_method));
        if (properties.has(Property::authentication_data))
            text.append(" data=").append(
                underscored(properties.text(Property::authentication_data)));
        if (properties.has(Property::user_property)) text += " user=";
        for (const UserProperty& user : properties.user())
            text.append(text.ends_with('=') ? "" : ",")
                .append(user.name)
                .append(":")
                .append(user.value);
        return text;
    }

    static std::string reason_word(ReasonCode reason) {
        return " reason=" + underscored(to_string(reason));
    }

    static std::string render(const Frame& frame, Version version) {
        std::string text(to_string(frame.type));
        Fault fault;
        switch (frame.type) {
            case PacketType::connack:
                fault = render_connack(frame, version, text);
                break;
            case PacketType::publish:
                fault = render_publish(frame, version, text);
                break;
            case PacketType::puback:
            case PacketType::pubrec:
            case PacketType::pubrel:
            case PacketType::pubcomp: {
                Ack packet;
                fault = decode(frame, version, packet);
                text += " id=" + std::to_string(packet.id) + reason_word(packet.reason) +
                        remarks(packet.properties);
                break;
            }
            case PacketType::suback:
            case PacketType::unsuback: {
                Suback packet;
                fault = decode(frame, version, packet);
                text += " id=" + std::to_string(packet.id) + " reasons=";
                for (ReasonCode reason : packet.reasons)
                    text += (text.ends_with('=') ? "" : ",") + underscored(to_string(reason));
                text += remarks(packet.properties);
                break;
            }
            case PacketType::disconnect:
            case PacketType::auth: {
                Disconnect packet;
                fault = decode(frame, version, packet);
                text += reason_word(packet.reason) + remarks(packet.properties);
                if (packet.properties.has(Property::session_expiry)) text += " expiry";
                break;
            }
            default:
                fault = decode_empty(frame);
        }
        return fault.ok() ? text : "a malformed packet: " + fault.describe();
    }

    static Fault render_connack(const Frame& frame, Version version, std::string& text) {
        Connack packet;
        Fault fault = decode(frame, version, packet);
        text += packet.session_present ? " present=1" : " present=0";
        if (version == Version::v3_1_1 && frame.body.size() > 1)
            text += " code=" + std::to_string(frame.body[1]);
        text += reason_word(packet.reason);
        const std::pair<const char*, Property> numbers[]{
            {"expiry", Property::session_expiry},
            {"receive_max", Property::receive_maximum},
            {"max_qos", Property::maximum_qos},
            {"max_packet", Property::maximum_packet_size},
            {"keepalive", Property::server_keep_alive},
            {"shared", Property::shared_available},
            {"alias_max", Property::topic_alias_maximum}};
        for (const auto& [key, property] : numbers)
            if (packet.properties.has(property))
                text.append(" ").append(key).append("=").append(
                    std::to_string(packet.properties.number(property, 0)));
        if (packet.properties.has(Property::assigned_client_id)) text += " assigned";
        text += remarks(packet.properties);
        return fault;
    }

    static Fault render_publish(const Frame& frame, Version version, std::string& text) {
        Publish packet;
        Fault fault = decode(frame, version, packet);
        text.append(" ").append(packet.topic).append(" ");
        text += packet.payload.size() > 64 ? "size=" + std::to_string(packet.payload.size())
                                           : std::string(text_of(packet.payload));
        text += " qos=" + std::to_string(static_cast<int>(packet.qos));
        text += " id=" + std::to_string(packet.id);
        text += packet.retain ? " retain=1" : " retain=0";
        text += packet.dup ? " dup=1" : " dup=0";
        for (std::uint32_t id : packet.properties.subscription_ids())
            text += " subid=" + std::to_string(id);
        if (packet.properties.has(Property::message_expiry))
            text +=
                " expiry=" + std::to_string(packet.properties.number(Property::message_expiry, 0));
        if (packet.properties.has(Property::content_type))
            text.append(" content_type=").append(packet.properties.text(Property::content_type));
        if (packet.properties.has(Property::topic_alias)) text += " alias";
        if (packet.properties.has(Property::payload_format))
            text +=
                " format=" + std::to_string(packet.properties.number(Property::payload_format, 0));
        if (packet.properties.has(Property::response_topic))
            text.append(" response=").append(packet.properties.text(Property::response_topic));
        if (packet.properties.has(Property::correlation_data))
            text.append(" correlation=").append(packet.properties.text(Property::correlation_data));
        text += remarks(packet.properties);
        return fault;
    }

    static constexpr std::size_t max_packet = 268'435'460;
    Limits limits_;
    OpenAuthorizer open_;
    std::shared_ptr<const ParentOf> parents_ =
        std::make_shared<const ParentOf>(ParentOf{{"pump-1", "gw-1"}, {"pump-2", "gw-2"}});
    DeviceTopics device_topics_{[this] { return parents_; }};
    const Authorizer* authorizer_ = &open_;
    std::map<std::string, std::string> identities_;
    std::optional<FakeWorld> world_;
};

std::string play(std::string_view conversation) { return Player().play(conversation); }

std::filesystem::path folder() {
    return std::filesystem::path(MW_SOURCE_DIR) / "tests/conformance/mqtt";
}

std::vector<std::string> conversations() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder()))
        if (entry.path().extension() == ".conversation") names.push_back(entry.path().stem());
    std::sort(names.begin(), names.end());
    return names;
}

class MqttConversation : public testing::TestWithParam<std::string> {
    log::Capture quiet_;  // refusals are the point here
};

TEST_P(MqttConversation, holds) {
    std::ifstream file(folder() / (GetParam() + ".conversation"));
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_EQ(play(text.str()), "");
}

INSTANTIATE_TEST_SUITE_P(Files, MqttConversation, testing::ValuesIn(conversations()),
                         [](const auto& info) { return info.param; });

TEST(MqttPlayer, names_the_line_that_does_not_hold) {
    EXPECT_EQ(play("> CONNECT client=a\n< CONNACK present=1\n").substr(0, 25),
              "line 2: wanted present=1,");
    EXPECT_EQ(play("> CONNECT client=a\n").substr(0, 19), "at the end:  got CO");
}

}  // namespace
}  // namespace mw::mqtt
