#include "protocols/mqtt/scram.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

using Verdict = Exchange::Answer::Verdict;
const Identity historian{Identity::Kind::service, "historian"};

std::string words(const Exchange::Answer& answer) { return std::string(text_of(answer.data)); }

// The client's side, as RFC 5802 3 has it.
std::string scram_answer(std::string_view password, std::string_view client_first_bare,
                         std::string_view server_first) {
    const auto field = [&](std::string_view name) {
        const std::size_t at = server_first.find(name) + name.size();
        return std::string(server_first.substr(at, server_first.find(',', at) - at));
    };
    const auto salted = crypto::pbkdf2_sha256(bytes_of(password), *from_base64(field(",s=")),
                                              static_cast<unsigned>(std::stoul(field(",i="))));
    auto proof = crypto::hmac_sha256(salted, bytes_of("Client Key"));
    const std::string without_proof = "c=biws,r=" + field("r=");
    const std::string all =
        std::string(client_first_bare) + "," + std::string(server_first) + "," + without_proof;
    const auto signature = crypto::hmac_sha256(crypto::sha256(proof), bytes_of(all));
    for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= signature[i];
    return without_proof + ",p=" + to_base64(proof);
}

std::string credentials(std::string_view password) {
    const Bytes salt(16, 7);
    return "# who proves what\nhistorian " + to_text(*scram_verifier(password, salt, 4'096)) + "\n";
}

// RFC 7677 3.
TEST(MqttScram, the_exchange_of_the_standard) {
    const auto verifier = scram_verifier("pencil", *from_base64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4'096);
    ASSERT_TRUE(verifier.ok());
    ScramExchange exchange("user", *verifier, true, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    EXPECT_EQ(exchange.step({}).verdict, Verdict::go_on);
    const auto first = exchange.step(bytes_of("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
    EXPECT_EQ(first.verdict, Verdict::go_on);
    EXPECT_EQ(words(first),
              "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
              "i=4096");
    const auto last =
        exchange.step(bytes_of("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                               "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
    EXPECT_EQ(last.verdict, Verdict::passed) << last.why;
    EXPECT_EQ(words(last), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    EXPECT_FALSE(last.identity);
}

TEST(MqttScram, a_verifier_is_read_as_it_was_written) {
    const auto verifier = scram_verifier("a long password ~", Bytes(16, 1), 5'000);
    ASSERT_TRUE(verifier.ok());
    const std::string text = to_text(*verifier);
    EXPECT_EQ(text.substr(0, 43), "SCRAM-SHA-256$5000:AQEBAQEBAQEBAQEBAQEBAQ==");
    EXPECT_EQ(*scram_verifier_from_text(text), *verifier);
    for (std::string_view password : {"", "a\nb", "gr\xC3\xBC\xC3\x9F"})
        EXPECT_FALSE(scram_verifier(password, Bytes(16, 1), 5'000).ok());
    EXPECT_FALSE(scram_verifier(std::string(1'025, 'x'), Bytes(16, 1), 5'000).ok());
}

TEST(MqttScram, a_credentials_file_names_the_line_that_is_wrong) {
    SeededRandom random{1};
    const std::string key = to_base64(Bytes(32, 1)), good = "$4096:AQEBAQEBAQE=$" + key + ":" + key;
    const std::pair<std::string, std::string> rows[]{
        {"a MD5" + good, "line 1: want SCRAM-SHA-256$ROUNDS:SALT$STORED_KEY:SERVER_KEY"},
        {"# note\na SCRAM-SHA-256$10:AQEB$a:b",
         "line 2: rounds: want a number from 4096 to "
         "10000000"},
        {"a SCRAM-SHA-256$4096:AQEB$a:b", "line 1: salt: want 8 to 64 bytes in base64"},
        {"a SCRAM-SHA-256$4096:AQEBAQEBAQE=$AQEB:AQEB",
         "line 1: stored key: want 32 bytes in "
         "base64"},
        {" SCRAM-SHA-256" + good, "line 1: want a name, and each once"},
        {"a SCRAM-SHA-256" + good + "\na SCRAM-SHA-256" + good,
         "line 2: want a name, and each "
         "once"}};
    for (const auto& [text, want] : rows) {
        const auto opened = ScramAuthenticator::open(text, random);
        ASSERT_FALSE(opened.ok()) << text;
        EXPECT_EQ(opened.error().message, want);
    }
    EXPECT_EQ((*ScramAuthenticator::open("a SCRAM-SHA-256" + good + "\r\n\n", random))->size(), 1u);
}

// Each row is one conversation of client messages; the last is refused.
TEST(MqttScram, refuses_what_is_not_the_exchange) {
    const auto verifier = scram_verifier("pencil", Bytes(16, 1), 4'096);
    const std::string proof = to_base64(Bytes(32, 1));
    const std::vector<std::string> rows[]{{"p=tls-unique,,n=historian,r=x"},
                                          {"n,,m=ext,n=historian,r=x"},
                                          {"n,,r=x"},
                                          {"n,,n=histo=2rian,r=x"},
                                          {"n,,n=historian"},
                                          {"n,,n=historian,r="},
                                          {"n,a=other,n=historian,r=x"},
                                          {"n,,n=histo\x01rian,r=x"},
                                          {std::string(3'000, 'n')},
                                          {"n,,n=historian,r=x", ""},
                                          {"n,,n=historian,r=x", "c=biws,r=xserver"},
                                          {"n,,n=historian,r=x", "c=eSws,r=xserver,p=" + proof},
                                          {"n,,n=historian,r=x", "c=biws,r=x,p=" + proof},
                                          {"n,,n=historian,r=x", "c=biws,r=xserver,p=AQEB"},
                                          {"n,,n=historian,r=x", "c=biws,r=xserver,p=" + proof},
                                          {"n,,n=other,r=x", "c=biws,r=xserver,p=" + proof}};
    for (const auto& row : rows) {
        ScramExchange exchange("historian", *verifier, true, "server");
        for (std::size_t i = 0; i < row.size(); ++i) {
            const auto answer = exchange.step(bytes_of(row[i]));
            EXPECT_EQ(answer.verdict, i + 1 < row.size() ? Verdict::go_on : Verdict::refused)
                << row[i];
            EXPECT_EQ(answer.why.empty(), i + 1 < row.size()) << row[i];
        }
    }
}

TEST(MqttScram, a_name_may_hold_commas_and_act_for_itself) {
    const auto verifier = scram_verifier("pencil", Bytes(16, 1), 4'096);
    ScramExchange exchange("a,b=c", *verifier, true, "server");
    const auto answer = exchange.step(bytes_of("n,a=a=2Cb=3Dc,n=a=2Cb=3Dc,r=x"));
    EXPECT_EQ(answer.verdict, Verdict::go_on) << answer.why;
}

// Who is not in the file can't find out: the salt is there, the same each time, and then it fails.
TEST(MqttScram, says_the_same_about_names_that_it_does_not_know) {
    SeededRandom random{1};
    auto methods = *ScramAuthenticator::open(credentials("pencil"), random);
    std::string salts[2];
    for (std::string& salt : salts) {
        auto exchange = methods->begin(scram_method, Identity{Identity::Kind::device, "historian"});
        const auto first = words(exchange->step(bytes_of("n,,n=historian,r=x")));
        salt = first.substr(first.find(",s="));
        const auto last =
            exchange->step(bytes_of(scram_answer("pencil", "n=historian,r=x", first)));
        EXPECT_EQ(last.verdict, Verdict::refused);
        EXPECT_EQ(last.why, "SCRAM: wrong name or password");
    }
    EXPECT_EQ(salts[0], salts[1]);
    EXPECT_TRUE(salts[0].ends_with(",i=4096"));
    EXPECT_EQ(methods->begin("SCRAM-SHA-1", historian), nullptr);
}

// Against a broker: as a client does it (MQTT 5, 4.12, the example of the standard).
class MqttScramBroker : public testing::Test {
 protected:
    MqttScramBroker() : methods_(*ScramAuthenticator::open(credentials("pencil"), random_)) {
        world_.core.use(methods_.get());
    }
    FakeClient& hello(bool with_method, std::string_view data) {
        FakeClient& client = world_.open("a", historian);
        Connect packet;
        packet.client_id = "a";
        if (with_method) {
            packet.properties.set(Property::authentication_method, scram_method);
            packet.properties.set(Property::authentication_data, data);
        }
        Bytes bytes;
        encode(bytes, packet);
        client.connection->receive(bytes);
        return client;
    }
    void say(FakeClient& client, ReasonCode reason, std::string_view data) {
        Auth packet;
        packet.reason = reason;
        packet.properties.set(Property::authentication_method, scram_method);
        packet.properties.set(Property::authentication_data, data);
        Bytes bytes;
        encode(bytes, Version::v5, PacketType::auth, packet);
        client.connection->receive(bytes);
    }
    // What the server said last: reason and data of a CONNACK or an AUTH.
    std::pair<ReasonCode, std::string> heard(FakeClient& client) {
        Frame frame;
        const ByteView rest = ByteView(client.wire.written).subspan(client.read);
        EXPECT_TRUE(next_frame(rest, 1 << 16, frame).ok());
        client.read += frame.size;
        const auto told = [](const auto& packet) {
            return std::pair{packet.reason,
                             std::string(packet.properties.text(Property::authentication_data))};
        };
        if (frame.type == PacketType::connack) {
            Connack packet;
            EXPECT_TRUE(decode(frame, Version::v5, packet).ok());
            return told(packet);
        }
        Auth packet;
        EXPECT_TRUE(decode(frame, Version::v5, packet).ok());
        return told(packet);
    }
    log::Capture quiet_;
    SeededRandom random_{1};
    OpenAuthorizer everybody_;
    std::unique_ptr<ScramAuthenticator> methods_;
    FakeWorld world_{everybody_};
};

TEST_F(MqttScramBroker, lets_in_who_proves_the_password_and_again) {
    FakeClient& client = hello(true, "n,,n=historian,r=abc");
    auto [reason, first] = heard(client);
    EXPECT_EQ(reason, ReasonCode::continue_authentication);
    say(client, reason, scram_answer("pencil", "n=historian,r=abc", first));
    auto [entered, proof] = heard(client);
    EXPECT_EQ(entered, ReasonCode::success);
    EXPECT_TRUE(proof.starts_with("v="));
    say(client, ReasonCode::reauthenticate, "n,,n=historian,r=def");
    auto [again, second] = heard(client);
    EXPECT_EQ(again, ReasonCode::continue_authentication);
    say(client, again, scram_answer("pencil", "n=historian,r=def", second));
    EXPECT_EQ(heard(client).first, ReasonCode::success);
    EXPECT_FALSE(client.wire.closed);
}

TEST_F(MqttScramBroker, keeps_out_who_does_not_and_who_does_not_try) {
    FakeClient& guess = hello(true, "n,,n=historian,r=abc");
    const auto [reason, first] = heard(guess);
    say(guess, reason, scram_answer("pencils", "n=historian,r=abc", first));
    EXPECT_EQ(heard(guess).first, ReasonCode::not_authorized);
    EXPECT_TRUE(guess.wire.closed);
    FakeClient& silent = hello(false, "");
    EXPECT_EQ(heard(silent).first, ReasonCode::not_authorized);
    EXPECT_TRUE(silent.wire.closed);
}

}  // namespace
}  // namespace mw::mqtt
