// What strangers and taken-over devices send as a signing request: the openssl program makes it,
// EST's routes read it, the whole of onboarding decides. Each is refused with the right status and
// leaves a fact.
#include "fleet/onboarding/onboarding_world.h"
#include "platform/crypto/crypto_samples.h"

namespace mw::onboarding {
namespace {

struct HostileRow {
    const char* name;
    const char* command;  // writes c.pem, or c.b64; k.pem (P-256) and r.pem (RSA 2048) are there
    int status;
    const char* reason;
};

#define REQ "openssl req -new -key k.pem -out c.pem -subj /CN=gw-1 "
#define REQ_SUBJECT "openssl req -new -key k.pem -out c.pem -subj "
#define NEW_EC(curve)                                               \
    "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:" curve \
    " -nodes "                                                      \
    "-keyout n -subj /CN=gw-1 -out c.pem"
#define PYTHON                                                               \
    "openssl req -new -key k.pem -subj /CN=gw-1 -outform DER -out c.der && " \
    "python3 -c \"import base64; d = bytearray(open('c.der','rb').read()); "
#define WRITE "; open('c.b64','wb').write(base64.encodebytes(bytes(d)))\""

const HostileRow hostile_rows[] = {
    {"nothing", ": > c.b64", 400, "the body is empty"},
    {"no base64", "echo '*** ***' > c.b64", 400, "not base64"},
    {"no DER", "echo aGVsbG8gd29ybGQ= > c.b64", 400, "signing request"},
    {"a certificate", "openssl req -x509 -new -key k.pem -subj /CN=gw-1 -out c.pem", 400,
     "no '-----BEGIN CERTIFICATE REQUEST"},
    {"cut short", PYTHON "d = d[:100]" WRITE, 400, "signing request"},
    {"more behind it", PYTHON "d += b'00'" WRITE, 400, "signing request"},
    {"indefinite length", PYTHON "d[1] = 0x80" WRITE, 400, "signing request"},
    {"broken signature", PYTHON "d[-1] ^= 1" WRITE, 400, "possession is not proved"},
    {"name changed after signing", PYTHON "d = d.replace(b'gw-1', b'gw-2')" WRITE, 400,
     "possession is not proved"},
    {"key of somebody else put in",
     "openssl ecparam -name prime256v1 -genkey -noout -out n; "
     "openssl pkey -in n -pubout -outform DER -out n.der; "
     "openssl pkey -in k.pem -pubout -outform DER -out k.der; " PYTHON
     "d = d.replace(open('k.der','rb').read(), open('n.der','rb').read())" WRITE,
     400, "possession is not proved"},
    {"longer than 16 KiB",
     REQ "-addext 1.2.3.4=ASN1:UTF8String:$(head -c 20000 /dev/zero | tr '\\0' A)", 400,
     "longer than 16 KiB"},
    {"longer than the body may be", "head -c 40000 /dev/zero | tr '\\0' A > c.b64", 400,
     "longer than 32 KiB"},
    {"SHA-1", "openssl req -new -sha1 -key r.pem -subj /CN=gw-1 -out c.pem", 400,
     "signature algorithm is not supported"},
    {"MD5", "openssl req -new -md5 -key r.pem -subj /CN=gw-1 -out c.pem", 400,
     "signature algorithm is not supported"},
    {"RSA-PSS",
     "openssl req -new -key r.pem -sigopt rsa_padding_mode:pss -subj /CN=gw-1 -out c.pem", 400,
     "signature algorithm is not supported"},
    {"RSA of 512 bits",
     "openssl req -new -newkey rsa:512 -nodes -keyout n -subj /CN=gw-1 -out c.pem", 400,
     "512 bits is too weak"},
    {"RSA of 1024 bits",
     "openssl req -new -newkey rsa:1024 -nodes -keyout n -subj /CN=gw-1 -out c.pem", 400,
     "1024 bits is too weak"},
    {"RSA of 2040 bits",
     "openssl req -new -newkey rsa:2040 -nodes -keyout n -subj /CN=gw-1 -out c.pem", 400,
     "2040 bits is too weak"},
    {"RSA of 4104 bits",
     "openssl req -new -newkey rsa:4104 -nodes -keyout n -subj /CN=gw-1 -out c.pem", 400,
     "4104 bits is too long"},
    {"RSA with exponent 3",
     "openssl req -new -newkey rsa:2048 -pkeyopt rsa_keygen_pubexp:3 -nodes -keyout n "
     "-subj /CN=gw-1 -out c.pem",
     400, "public exponent"},
    {"secp256k1", NEW_EC("secp256k1"), 400, "kind is not supported"},
    {"P-224", NEW_EC("P-224"), 400, "kind is not supported"},
    {"P-521", NEW_EC("P-521"), 400, "kind is not supported"},
    {"explicit curve",
     "openssl ecparam -name prime256v1 -genkey -param_enc explicit -out n && "
     "openssl req -new -key n -subj /CN=gw-1 -out c.pem",
     400, "want a named one"},
    {"compressed point",
     "openssl ec -in k.pem -conv_form compressed -out n && "
     "openssl req -new -key n -subj /CN=gw-1 -out c.pem",
     400, "not an uncompressed point"},
    {"Ed448", "openssl req -new -newkey ed448 -nodes -keyout n -subj /CN=gw-1 -out c.pem", 400,
     "signature algorithm is not supported"},
    {"a CA", REQ "-addext basicConstraints=CA:TRUE", 403, "certificate authority"},
    {"a CA of depth 3", REQ "-addext basicConstraints=critical,CA:TRUE,pathlen:3", 403,
     "certificate authority"},
    {"may sign certificates", REQ "-addext keyUsage=digitalSignature,keyCertSign", 403,
     "certificate authority"},
    {"may sign lists", REQ "-addext keyUsage=cRLSign", 403, "certificate authority"},
    {"a server", REQ "-addext extendedKeyUsage=clientAuth,serverAuth", 403,
     "for the use 1.3.6.1.5.5.7.3.1"},
    {"signs code", REQ "-addext extendedKeyUsage=codeSigning", 403, "for the use"},
    {"any use", REQ "-addext extendedKeyUsage=anyExtendedKeyUsage", 403, "for the use 2.5.29.37.0"},
    {"another subject", REQ_SUBJECT "/CN=gw-2", 403, "the request's subject is 'gw-2'"},
    {"its name in capitals", REQ_SUBJECT "/CN=GW-1", 403, "the request's subject is 'GW-1'"},
    {"no subject", REQ_SUBJECT "/", 403, "the request's subject is ''"},
    {"two subjects", REQ_SUBJECT "/CN=gw-1/CN=gw-2", 400, "more than one common name"},
    {"a line end in the name", REQ_SUBJECT "\"$(printf '/CN=gw-1\\nx')\"", 400,
     "control character"},
    {"an address in the subject", REQ_SUBJECT "/emailAddress=a@b.example/CN=gw-1", 403,
     "emailAddress"},
    {"a user in the subject", REQ_SUBJECT "/UID=root/CN=gw-1", 403, "userId"},
    {"a domain in the subject", REQ_SUBJECT "/DC=example/CN=gw-1", 403, "domainComponent"},
    {"a long subject", REQ_SUBJECT "/OU=1/OU=2/OU=3/OU=4/OU=5/OU=6/OU=7/OU=8/OU=9/CN=gw-1", 400,
     "more than 8 parts"},
    {"the hub's name", REQ "-addext subjectAltName=DNS:localhost", 403, "'localhost'"},
    {"a wildcard", REQ "-addext 'subjectAltName=DNS:*'", 403, "'*'"},
    {"its own name and another", REQ "-addext subjectAltName=DNS:gw-1,DNS:gw-2", 403, "'gw-2'"},
    {"an address", REQ "-addext subjectAltName=IP:10.0.0.1", 403, "'10.0.0.1'"},
    {"an e-mail", REQ "-addext subjectAltName=email:a@b.example", 403, "email:a@b.example"},
    {"another device's URN", REQ "-addext subjectAltName=URI:urn:millwright:device:gw-2", 403,
     "'urn:millwright:device:gw-2'"},
    {"a person's URN", REQ "-addext subjectAltName=URI:urn:millwright:user:gw-1", 403,
     "'urn:millwright:user:gw-1'"},
    {"a Windows user",
     REQ "-addext 'subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:admin@example'", 403,
     "otherName"},
    {"a registered id", REQ "-addext subjectAltName=RID:1.2.3.4", 403, "registeredID"},
    {"a zero byte in a name", REQ "-addext subjectAltName=DER:3008820667772d310078", 400,
     "not plain ASCII"},
    {"an empty name", REQ "-addext subjectAltName=DER:30028200", 400, "is empty"},
    {"a hundred and one names",
     REQ "-addext subjectAltName=$(yes DNS:gw-1 | head -101 | paste -sd,)", 400, "more than 100"},
    {"an unknown extension", REQ "-addext 1.2.3.4=DER:0500", 403, "the extension 1.2.3.4"},
    {"a policy", REQ "-addext certificatePolicies=1.2.3", 403, "the extension 2.5.29.32"},
    {"name constraints", REQ "-addext 'nameConstraints=permitted;DNS:example'", 403,
     "the extension 2.5.29.30"},
    {"the key of another device", "openssl req -new -key other.pem -subj /CN=gw-1 -out c.pem", 409,
     "another device has"},
    {"the key of a person", "openssl req -new -key person.pem -subj /CN=gw-1 -out c.pem", 409,
     "another device has"},
};

#undef PYTHON
#undef WRITE
#undef REQ_SUBJECT

class HostileCsr : public OnboardingTest {
 protected:
    HostileCsr() {
        options_.audited_refusals_per_second = 1e6;
        options_.refusals_per_address = options_.requests_per_device = {1e6, 1e6};
        reopen();
        est::add_routes(router_, *onboarding_, *metrics_);
        folder_of_requests_.run(
            "openssl ecparam -name prime256v1 -genkey -noout -out k.pem; openssl genrsa -out r.pem "
            "2048");
        create("EnrollmentGroup", "any", R"({"profile":"pump"})");
        token_ = token(100, "any");
    }
    http::Response ask(const std::string& device, const std::string& command) {
        folder_of_requests_.run("rm -f c.pem c.b64 c.der");
        const auto said = folder_of_requests_.run(command);
        http::Request request;
        request.method = http::Method::post;
        request.peer.host = "192.0.2.7";
        request.body = folder_of_requests_.read("c.b64") + folder_of_requests_.read("c.pem");
        request.headers.set("Content-Type", "application/pkcs10");
        request.headers.set("Authorization", "Basic " + to_base64(bytes_of(device + ":" + token_)));
        const auto match = router_.find(request.method, "/.well-known/est/simpleenroll");
        auto answer = wait(match.route->handler(std::move(request)));
        EXPECT_TRUE(answer.ok());
        if (answer && answer->status >= 500) ADD_FAILURE() << said;
        return answer ? *std::move(answer) : http::Response{};
    }

    crypto::samples::Folder folder_of_requests_;
    http::Router router_;
    std::string token_;
};

TEST_F(HostileCsr, is_refused_with_the_right_status_and_leaves_a_fact) {
    const auto other = new_key(), person = new_key();
    folder_of_requests_.write("other.pem", other.to_pem());
    folder_of_requests_.write("person.pem", person.to_pem());
    ASSERT_TRUE(enroll("gw-2", other, token_).ok());
    ASSERT_TRUE(authority_->issue_user("ada", person.public_key().spki(), day).ok());
    for (const HostileRow& row : hostile_rows) {
        const auto before = facts("enroll.refused").size();
        const auto answer = ask("gw-1", row.command);
        EXPECT_EQ(answer.status, row.status) << row.name << ": " << answer.body;
        EXPECT_NE(answer.body.find(row.reason), std::string::npos)
            << row.name << ": " << answer.body;
        EXPECT_EQ(answer.body.find('\n'), answer.body.size() - 1) << row.name;
        const auto recorded = facts("enroll.refused");
        ASSERT_EQ(recorded.size(), before + 1) << row.name;
        EXPECT_NE(recorded.back().find(row.reason), std::string::npos) << recorded.back();
        EXPECT_NE(recorded.back().find("192.0.2.7"), std::string::npos) << recorded.back();
    }
    EXPECT_GE(std::size(hostile_rows), 50u);
    EXPECT_EQ(device_count(), 1u);
    EXPECT_EQ(ask("gw-1", REQ).status, 200);  // nothing of it has hurt the honest one
}

TEST_F(HostileCsr, what_is_honest_passes_in_all_its_forms) {
    const char* const honest[] = {
        REQ,
        "openssl req -new -key r.pem -subj /CN=gw-1 -out c.pem",
        "openssl req -new -newkey rsa:3072 -nodes -keyout n -subj /CN=gw-1 -out c.pem",
        "openssl req -new -newkey ed25519 -nodes -keyout n -subj /CN=gw-1 -out c.pem",
        NEW_EC("P-384"),
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout n -out c.pem "
        "-subj /C=DE/O=Acme/OU=Line/serialNumber=17/CN=gw-1 -addext keyUsage=digitalSignature "
        "-addext extendedKeyUsage=clientAuth -addext basicConstraints=CA:FALSE "
        "-addext subjectAltName=DNS:gw-1,URI:urn:millwright:device:gw-1 "
        "-addext subjectKeyIdentifier=hash",
    };
    for (const char* command : honest) {
        const auto answer = ask("gw-1", command);
        EXPECT_EQ(answer.status, 200) << command << ": " << answer.body;
        ASSERT_TRUE(wait(store_->remove("Device", "gw-1", 0, {"user:ada", "delete", ""})).ok());
    }
}

TEST_F(HostileCsr, the_key_policy_of_a_group_holds) {
    create("EnrollmentGroup", "strict", R"({"profile":"pump","keys":["Ed25519","RSA-3072"]})");
    token_ = token(10, "strict");
    EXPECT_EQ(
        ask("gw-1", REQ).body,
        "a key of the kind P-256 is not taken here; want Ed25519, RSA of 3072 bits or more\n");
    EXPECT_EQ(ask("gw-1", "openssl req -new -key r.pem -subj /CN=gw-1 -out c.pem").status, 400);
    EXPECT_EQ(
        ask("gw-1", "openssl req -new -newkey ed25519 -nodes -keyout n -subj /CN=gw-1 -out c.pem")
            .status,
        200);
    const auto wish = wait(onboarding_->key_wish("strict"));
    EXPECT_EQ(wish->kind, crypto::KeyKind::ed25519);
    EXPECT_EQ(wait(onboarding_->key_wish("nowhere"))->kind, crypto::KeyKind::p256);
}

#undef REQ
#undef NEW_EC

}  // namespace
}  // namespace mw::onboarding
