#include "protocols/est/est.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/log.h"

namespace mw::est {
namespace {

using crypto::Certificate;
using crypto::PrivateKey;
using crypto::Profile;

constexpr nanoseconds day = hours{24};

// An authority in memory that enrols whoever knows the word, and remembers what it was asked.
class Authority final : public Enroller {
 public:
    nanoseconds wait_for(const Credentials&) override { return std::exchange(wait, {}); }
    Task<> refused(Error error, Credentials credentials) override {
        unread.push_back(credentials.peer + ": " + error.message);
        co_return Result<>{};
    }
    Task<Decision> enroll(crypto::Csr csr, Credentials credentials, KeyMaker maker) override {
        last = credentials;
        if (credentials.password != "open sesame")
            co_return Error{Errc::not_found, "the enrolment token is not known"};
        if (ask_again_after > nanoseconds{0}) co_return Decision{{}, {}, ask_again_after};
        co_return decide(csr, maker);
    }
    Task<Decision> reenroll(crypto::Csr csr, Credentials credentials, KeyMaker maker) override {
        last = credentials;
        if (credentials.peer_certificate.empty()) co_return Error{Errc::not_found, "who are you?"};
        co_return decide(csr, maker);
    }
    Task<KeyWish> key_wish(std::string label) override {
        if (label == "old-pumps") co_return KeyWish{crypto::KeyKind::rsa, 3072};
        co_return KeyWish{};
    }
    std::vector<Certificate> authorities() const override { return {issuing, root}; }

    Result<Decision> decide(crypto::Csr csr, KeyMaker maker) {
        Decision decision;
        if (maker == KeyMaker::hub) {
            TRY(decision.key, PrivateKey::generate(crypto::KeyKind::p256));
            csr.spki = decision.key->public_key().spki();
        }
        TRY(decision.certificate, sign(csr));
        return decision;
    }
    Result<Certificate> sign(const crypto::Csr& csr) {
        auto wanted = order(Profile::device, csr.subject_cn, 90);
        wanted.names.uris = {"urn:millwright:device:" + csr.subject_cn};
        return crypto::issue(wanted, csr.spki, {issuing, issuing_key}, random);
    }
    static crypto::CertificateOrder order(Profile profile, std::string name, int days) {
        auto now = RealClock{}.now();
        return {profile, std::move(name), {}, now - day, now + days * day};
    }

    SeededRandom random{1};
    PrivateKey root_key = *PrivateKey::generate(crypto::KeyKind::p256);
    PrivateKey issuing_key = *PrivateKey::generate(crypto::KeyKind::p256);
    Certificate root =
        *crypto::self_sign(order(Profile::root_ca, "Test root", 900), root_key, random);
    Certificate issuing = *crypto::issue(order(Profile::issuing_ca, "Test issuing", 800),
                                         issuing_key.public_key().spki(), {root, root_key}, random);
    Credentials last;
    nanoseconds wait{0};             // of the next request
    nanoseconds ask_again_after{0};  // until an operator has decided
    std::vector<std::string> unread;
};

http::Request request(std::string body, std::string type = "application/pkcs10") {
    http::Request made;
    made.method = http::Method::post;
    if (!type.empty()) made.headers.set("Content-Type", type);
    made.body = std::move(body);
    return made;
}

Bytes sample_csr(std::string name = "gw-1") {
    return *crypto::make_csr({std::move(name), {}}, *PrivateKey::generate(crypto::KeyKind::p256));
}

std::string crlf(std::string text) {
    for (std::size_t at = 0; (at = text.find('\n', at)) != text.npos; at += 2)
        text.insert(at, "\r");
    return text;
}

// RFC 8951 3.1: base64 with or without line breaks, whatever Content-Transfer-Encoding says.
TEST(EstRequest, base64_is_read_however_it_is_broken) {
    auto der = sample_csr();
    for (const auto& body : {to_base64(der), to_base64(der, 64), crlf(to_base64(der, 64)),
                             to_base64(der, 76), crypto::csr_to_pem(der)}) {
        for (const char* type : {"application/pkcs10", "Application/PKCS10; charset=x", ""}) {
            auto csr = read_request(request(body, type));
            ASSERT_TRUE(csr.ok()) << csr.error().message;
            EXPECT_EQ(csr->subject_cn, "gw-1");
        }
    }
}

TEST(EstRequest, what_is_no_request_is_refused_with_the_remedy) {
    auto der = sample_csr();
    auto tampered = der;
    tampered[tampered.size() / 2] ^= 1;
    struct Row {
        const char* name;
        http::Request request;
        const char* reason;
    };
    const Row rows[] = {
        {"empty", request(""), "empty"},
        {"another type", request(to_base64(der), "application/json"), "want Content-Type"},
        {"raw DER", request(std::string(text_of(der))), "not base64"},
        {"not a CSR", request("aGVsbG8gd29ybGQ="), "signing request"},
        {"tampered", request(to_base64(tampered)), "signing request"},
        {"too long", request(std::string(40'000, 'A')), "longer than 32 KiB"},
        {"half a PEM", request("-----BEGIN CERTIFICATE REQUEST-----\nAAAA"), "has no end"},
    };
    for (const auto& row : rows) {
        auto csr = read_request(row.request);
        ASSERT_FALSE(csr.ok()) << row.name;
        EXPECT_EQ(csr.error().code, Errc::invalid_input);
        EXPECT_NE(csr.error().message.find(row.reason), std::string::npos)
            << row.name << ": " << csr.error().message;
    }
}

TEST(EstRequest, credentials_are_read_or_asked_for) {
    auto with = [](std::string header, Bytes certificate = {}) {
        http::Request made;
        if (!header.empty()) made.headers.set("Authorization", std::move(header));
        made.peer_certificate = std::move(certificate);
        return read_credentials(made);
    };
    auto basic = [](std::string_view pair) { return "Basic " + to_base64(bytes_of(pair)); };
    EXPECT_EQ(with(basic("gw-1:mwe_g.s:with:colons"))->password, "mwe_g.s:with:colons");
    EXPECT_EQ(with("bAsIc " + to_base64(bytes_of("a:b")))->user, "a");
    EXPECT_EQ(with("", {1, 2}).value().peer_certificate, (Bytes{1, 2}));
    EXPECT_EQ(with("").error().code, Errc::not_found);
    EXPECT_EQ(with("Bearer x").error().code, Errc::not_found);
    EXPECT_EQ(with(basic(":t")).error().code, Errc::not_found);
    EXPECT_EQ(with(basic("gw-1:")).error().code, Errc::not_found);
    EXPECT_EQ(with(basic("no colon")).error().code, Errc::invalid_input);
    EXPECT_EQ(with("Basic !!!").error().code, Errc::invalid_input);
    EXPECT_EQ(with(basic(std::string(5000, 'x'))).error().code, Errc::invalid_input);
}

TEST(EstResponse, is_certs_only_pkcs7_in_lines_of_64) {
    Authority authority;
    auto response = cacerts_response(authority.authorities());
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.headers.get("Content-Type"),
              "application/pkcs7-mime; smime-type=certs-only");
    EXPECT_EQ(response.headers.get("Content-Transfer-Encoding"), "base64");
    EXPECT_EQ(response.body.find('\n'), 64u);
    auto listed = crypto::certificates_from_pkcs7(*from_base64(response.body));
    EXPECT_EQ(*listed, authority.authorities());
}

TEST(EstResponse, refusals_have_the_status_that_says_what_to_do) {
    struct Row {
        Errc code;
        int status;
        const char* header;
    };
    const Row rows[] = {{Errc::invalid_input, 400, ""},
                        {Errc::not_found, 401, "WWW-Authenticate"},
                        {Errc::denied, 403, ""},
                        {Errc::conflict, 409, ""},
                        {Errc::overloaded, 429, "Retry-After"},
                        {Errc::timed_out, 503, "Retry-After"},
                        {Errc::io_failed, 500, ""}};
    for (const auto& row : rows) {
        auto response = refusal(Error{row.code, "disk sda1 is full"});
        EXPECT_EQ(response.status, row.status);
        if (*row.header) {
            EXPECT_TRUE(response.headers.has(row.header)) << row.status;
        }
        EXPECT_EQ(response.body.find("sda1") == std::string::npos, row.status == 500);
    }
}

// The server on loopback, TLS and all.
class EstServer : public testing::Test {
 protected:
    EstServer() {
        std::string pattern = (std::filesystem::temp_directory_path() / "mw-est-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        http::Router router;
        add_routes(router, authority_, metrics_);
        http::ServerOptions options;
        options.listen.tls = server_tls();
        server_ = *http::Server::open(*loop_, options, std::move(router));
        port_ = std::to_string(server_->address().port);
        url_ = "https://127.0.0.1:" + port_;
    }
    ~EstServer() override {
        ignore(sync_wait(*loop_, server_->stop(nanoseconds{0})), "the test is over");
        server_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    std::shared_ptr<const net::TlsContext> server_tls() {
        auto key = *PrivateKey::generate(crypto::KeyKind::p256);
        auto order = Authority::order(Profile::server, "hub", 90);
        order.names.addresses = {"127.0.0.1"};
        auto certificate =
            *crypto::issue(order, key.public_key().spki(),
                           {authority_.issuing, authority_.issuing_key}, authority_.random);
        net::TlsOptions tls;
        tls.certificate_chain = crypto::to_pem(certificate) + crypto::to_pem(authority_.issuing) +
                                crypto::to_pem(authority_.root);
        tls.private_key = key.to_pem();
        tls.trusted = crypto::to_pem(authority_.root) + crypto::to_pem(authority_.issuing);
        tls.client_certificate = net::ClientCertificate::optional;
        return *net::TlsContext::server(std::move(tls));
    }

    Result<Enrolled> enroll(std::string token, std::string pin) {
        EnrollOptions options;
        options.url = url_, options.device = "gw-1", options.token = token, options.pin = pin;
        return sync_wait(*loop_, est::enroll(options, key_, clock_));
    }
    std::string pin() const { return to_hex(crypto::sha256(authority_.root.spki)); }

    void write(const std::string& name, std::string_view content) {
        std::ofstream{folder_ + "/" + name, std::ios::binary} << content;
    }
    // A shell command on another thread, while the loop serves.
    std::string run(std::string command) {
        std::string full = "cd " + folder_ + " && ( " + command + " ) 2>&1";
        auto job = [full] {
            std::FILE* pipe = ::popen(full.c_str(), "r");
            std::string output;
            char part[4096];
            while (auto size = std::fread(part, 1, sizeof part, pipe)) output.append(part, size);
            int status = ::pclose(pipe);
            return status == 0 ? output : output + "exit " + std::to_string(status);
        };
        auto output = sync_wait(*loop_, workers_.run(std::move(job)));
        return output ? *output : output.error().message;
    }

    log::Capture log_;
    std::string folder_;
    RealClock clock_;
    Authority authority_;
    metrics::Registry metrics_;
    std::unique_ptr<Loop> loop_ = *Loop::open({});
    Workers workers_;
    std::unique_ptr<http::Server> server_;
    std::string port_, url_;
    PrivateKey key_ = *PrivateKey::generate(crypto::KeyKind::p256);
};

TEST_F(EstServer, a_device_enrols_with_token_and_pin_and_then_renews) {
    auto enrolled = enroll("open sesame", pin());
    ASSERT_TRUE(enrolled.ok()) << enrolled.error().message;
    EXPECT_EQ(enrolled->certificate.subject_cn, "gw-1");
    EXPECT_EQ(enrolled->root, authority_.root);
    ASSERT_EQ(enrolled->intermediates.size(), 1u);
    EXPECT_EQ(authority_.last.user, "gw-1");
    EXPECT_EQ(authority_.last.peer, "127.0.0.1");

    auto next_key = *PrivateKey::generate(crypto::KeyKind::ed25519);
    RenewOptions options;
    options.url = url_, options.device = "gw-1";
    options.anchors_pem = enrolled->anchors_pem(), options.chain_pem = enrolled->chain_pem();
    options.key_pem = key_.to_pem();
    auto renewed = sync_wait(*loop_, renew(options, next_key, clock_));
    ASSERT_TRUE(renewed.ok()) << renewed.error().message;
    EXPECT_EQ(renewed->certificate.spki, next_key.public_key().spki());
    EXPECT_EQ(authority_.last.peer_certificate, enrolled->certificate.der);
    EXPECT_TRUE(authority_.last.password.empty());
}

TEST_F(EstServer, with_another_pin_nothing_is_sent) {
    auto outcome = enroll("open sesame", std::string(64, 'a'));
    ASSERT_FALSE(outcome.ok());
    EXPECT_NE(outcome.error().message.find("pinned root"), std::string::npos)
        << outcome.error().message;
    EXPECT_TRUE(authority_.last.empty());
    EXPECT_EQ(server_->counters().requests, 0u);
}

TEST_F(EstServer, the_pin_of_a_certificate_that_is_no_root_proves_nothing) {
    EXPECT_FALSE(enroll("open sesame", to_hex(crypto::sha256(authority_.issuing.spki))).ok());
    EXPECT_TRUE(authority_.last.empty());
}

TEST_F(EstServer, the_hubs_reason_reaches_the_device) {
    auto outcome = enroll("wrong", pin());
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, Errc::denied);
    EXPECT_EQ(outcome.error().message,
              "EST simpleenroll: the hub says 401: the enrolment token is not known");
}

TEST_F(EstServer, options_that_cannot_be_are_refused_before_any_contact) {
    EXPECT_EQ(enroll("t", "abc").error().code, Errc::invalid_input);
    EXPECT_EQ(enroll("", pin()).error().code, Errc::invalid_input);
    url_ = "http://127.0.0.1:" + port_;
    EXPECT_EQ(enroll("t", pin()).error().code, Errc::invalid_input);
}

TEST_F(EstServer, unknown_operations_are_not_found) {
    EXPECT_EQ(run("curl -sk -o body -w '%{http_code}' " + url_ + "/.well-known/est/fullcmc"),
              "404");
    EXPECT_EQ(run("curl -sk -o body -w '%{http_code}' " + url_ + "/.well-known/est/a/b/cacerts"),
              "404");
    EXPECT_EQ(run("curl -sk -o body -w '%{http_code}' " + url_ + "/.well-known/est/simpleenroll"),
              "405");
}

// The recipe of RFC 7030 appendix A with stock programs.
TEST_F(EstServer, curl_and_openssl_enrol_and_renew) {
    if (std::system("command -v curl >/dev/null && command -v openssl >/dev/null") != 0)
        GTEST_SKIP() << "curl or openssl is missing";
    write("root.pem", crypto::to_pem(authority_.root));
    std::string est = url_ + "/.well-known/est/";
    std::string curl = "curl -sS --fail-with-body --cacert root.pem ";
    EXPECT_EQ(run(curl + est +
                  "cacerts | openssl base64 -d | openssl pkcs7 -inform DER "
                  "-print_certs -out ca.pem && grep -c BEGIN ca.pem"),
              "2\n");
    EXPECT_EQ(
        run("openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out k.pem && "
            "openssl req -new -key k.pem -subj /CN=gw-25 -outform DER | openssl base64 > c.b64"),
        "");
    std::string post =
        " -H 'Content-Type: application/pkcs10' -H 'Content-Transfer-Encoding: base64'"
        " --data-binary @c.b64 ";
    std::string store = " | openssl base64 -d | openssl pkcs7 -inform DER -print_certs -out ";
    EXPECT_EQ(run(curl + "-u 'gw-25:open sesame'" + post + est + "simpleenroll" + store + "d.pem"),
              "");
    EXPECT_EQ(run("openssl verify -CAfile root.pem -untrusted ca.pem d.pem"), "d.pem: OK\n");
    EXPECT_EQ(run(curl + "--cert d.pem --key k.pem" + post + est + "simplereenroll" + store +
                  "d2.pem && openssl verify -CAfile root.pem -untrusted ca.pem d2.pem"),
              "d2.pem: OK\n");
    auto refused = run(curl + "-u gw-25:wrong" + post + est + "simpleenroll");
    EXPECT_NE(refused.find("the enrolment token is not known\n"), std::string::npos) << refused;
    EXPECT_NE(metrics_.expose().find("operation=\"simpleenroll\",status=\"401\"} 1"),
              std::string::npos);
}

// RFC 7030 3.2.2: the same operations below a label, which reaches whoever decides.
TEST_F(EstServer, a_label_reaches_the_enroller) {
    write("c.b64", to_base64(sample_csr("gw-25"), 64));
    const std::string est = url_ + "/.well-known/est/";
    const std::string ask =
        "curl -sk -o body -w '%{http_code}' -u 'gw-25:open sesame' "
        "-H 'Content-Type: application/pkcs10' --data-binary @c.b64 ";
    EXPECT_EQ(run(ask + est + "line-7/simpleenroll"), "200");
    EXPECT_EQ(authority_.last.label, "line-7");
    EXPECT_EQ(run(ask + est + "simpleenroll"), "200");
    EXPECT_EQ(authority_.last.label, "");
    EXPECT_EQ(run("curl -sk -o body -w '%{http_code}' " + est + "line-7/cacerts"), "200");
}

TEST_F(EstServer, what_a_request_should_hold_depends_on_the_label) {
    const std::string est = url_ + "/.well-known/est/";
    const std::string read = " | openssl base64 -d | openssl asn1parse -inform DER";
    EXPECT_NE(run("curl -sk " + est + "csrattrs" + read).find("prime256v1"), std::string::npos);
    const auto rsa = run("curl -sk -i " + est + "old-pumps/csrattrs");
    EXPECT_NE(rsa.find("application/csrattrs"), std::string::npos) << rsa;
    EXPECT_NE(run("curl -sk " + est + "old-pumps/csrattrs" + read).find(":0C00"),
              std::string::npos);
}

// RFC 7030 4.4: the signature in the request means nothing; key and certificate come back.
TEST_F(EstServer, a_key_that_the_hub_makes_comes_with_its_certificate) {
    auto csr = sample_csr("gw-25");
    csr.back() ^= 1;
    write("c.b64", to_base64(csr, 64));
    const std::string ask =
        "curl -sk -D head -o body -w '%{http_code}' -u 'gw-25:open sesame' "
        "-H 'Content-Type: application/pkcs10' --data-binary @c.b64 " +
        url_ + "/.well-known/est/";
    EXPECT_EQ(run(ask + "simpleenroll"), "400");
    EXPECT_EQ(run(ask + "serverkeygen"), "200");
    EXPECT_EQ(run("grep -c 'multipart/mixed; boundary=' head"), "1\n");
    write("parts.py",
          "import email\n"
          "head = open('head').read().split('\\n', 1)[1].strip()\n"
          "whole = email.message_from_string(head + '\\r\\n\\r\\n' + "
          "open('body', newline='').read())\n"
          "key, certificate = whole.get_payload()\n"
          "assert key.get_content_type() == 'application/pkcs8'\n"
          "assert certificate.get_param('smime-type') == 'certs-only'\n"
          "open('k.der', 'wb').write(key.get_payload(decode=True))\n"
          "open('c.p7', 'wb').write(certificate.get_payload(decode=True))\n");
    EXPECT_EQ(run("python3 parts.py"), "");
    const auto made = run("openssl pkey -inform DER -in k.der -pubout");
    EXPECT_NE(made.find("BEGIN PUBLIC KEY"), std::string::npos) << made;
    EXPECT_EQ(run("openssl pkcs7 -inform DER -in c.p7 -print_certs | openssl x509 -pubkey -noout"),
              made);
}

TEST_F(EstServer, a_device_that_must_be_approved_is_told_when_to_ask_again) {
    write("c.b64", to_base64(sample_csr("gw-25"), 64));
    authority_.ask_again_after = milliseconds{29'500};
    const auto answer =
        run("curl -sk -i -u 'gw-25:open sesame' --data-binary @c.b64 -H "
            "'Content-Type: application/pkcs10' " +
            url_ + "/.well-known/est/simpleenroll");
    EXPECT_NE(answer.find("HTTP/1.1 202"), std::string::npos) << answer;
    EXPECT_NE(answer.find("Retry-After: 30\r\n"), std::string::npos) << answer;
    EXPECT_NE(answer.find("an operator must approve"), std::string::npos) << answer;
    const auto ours = enroll("open sesame", pin());
    EXPECT_EQ(ours.error().code, Errc::overloaded);
    EXPECT_NE(ours.error().message.find("the hub says 202: an operator"), std::string::npos);
}

TEST_F(EstServer, who_asks_too_often_is_not_even_read) {
    authority_.wait = seconds{7};
    write("c.b64", "nonsense");
    const std::string ask =
        "curl -sk -i -u 'gw-25:x' --data-binary @c.b64 -H "
        "'Content-Type: application/pkcs10' " +
        url_ + "/.well-known/est/simpleenroll";
    const auto limited = run(ask);
    EXPECT_NE(limited.find("HTTP/1.1 429"), std::string::npos) << limited;
    EXPECT_NE(limited.find("Retry-After: 7\r\n"), std::string::npos) << limited;
    EXPECT_TRUE(authority_.unread.empty());
    EXPECT_NE(run(ask).find("HTTP/1.1 400"), std::string::npos);
    ASSERT_EQ(authority_.unread.size(), 1u);  // what could not be read is told, for the record
    EXPECT_EQ(authority_.unread[0].rfind("127.0.0.1: ", 0), 0u) << authority_.unread[0];
}

}  // namespace
}  // namespace mw::est
