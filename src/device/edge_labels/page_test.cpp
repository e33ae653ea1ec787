#include "device/edge_labels/page.h"

#include <gtest/gtest.h>

namespace mw::edge_labels {
namespace {

Snippet page_snippet() {
    Snippet snippet;
    snippet.id = "0011223344";
    snippet.device = "gw-1";
    snippet.model = "pump";
    snippet.window_to = {10};
    snippet.why = "alarm";
    snippet.traces.push_back({"flow", {{1}, {2}}, {1, 2}, false});
    return snippet;
}

class LabelPage : public testing::Test {
 protected:
    LabelPage() {
        RingOptions options;
        options.directory = files::join(folder_.path(), "snippets");
        ring_ = Ring::open(files_, *loop_, workers_, options).value();
        desk_ = std::make_unique<Desk>(
            Desk::Parts{*ring_, clock_, metrics_, [this](std::string, std::string) -> Task<> {
                            ++sent_;
                            co_return Result<>{};
                        }});
        EXPECT_TRUE(ring_->keep(page_snippet()));
    }
    ~LabelPage() override {
        if (page_) ignore(wait(page_->stop()), "the test is over");
        ignore(wait(ring_->stop()), "the test is over");
    }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop_, std::move(task));
    }
    void open(PageOptions options = {}) {
        const auto link = [] { return Json{{"connected", false}, {"unsent", 3}}; };
        auto opened = Page::open({*loop_, *desk_, metrics_, "gw-1", link, {}}, std::move(options));
        ASSERT_TRUE(opened) << opened.error().message;
        page_ = std::move(*opened);
        http::ClientOptions to;
        const auto url = http::parse_url(page_->url());
        to.server.host = url->host;
        to.server.port = url->port;
        client_ = std::make_unique<http::Client>(*loop_, to);
    }
    http::Response ask(http::Method method, std::string path, http::Headers headers = {},
                       std::string body = {}) {
        http::Request request;
        request.method = method;
        request.path = std::move(path);
        request.headers = std::move(headers);
        request.body = std::move(body);
        auto response = wait(client_->request(std::move(request)));
        EXPECT_TRUE(response) << response.error().message;
        return response ? std::move(*response) : http::Response{};
    }

    files::TemporaryDirectory folder_ = files::TemporaryDirectory::make().value();
    files::RealFiles files_;
    std::unique_ptr<Loop> loop_ = Loop::open().value();
    Workers workers_{{.threads = 1}};
    SimulatedClock clock_;
    metrics::Registry metrics_;
    int sent_ = 0;
    std::unique_ptr<Ring> ring_;
    std::unique_ptr<Desk> desk_;
    std::unique_ptr<Page> page_;
    std::unique_ptr<http::Client> client_;
};

TEST_F(LabelPage, lists_shows_and_takes_an_answer) {
    open();
    const auto page = ask(http::Method::get, "/");
    EXPECT_EQ(page.status, 200);
    EXPECT_NE(page.body.find("page.js"), std::string::npos);
    EXPECT_NE(page.headers.get("Content-Security-Policy").find("default-src 'none'"),
              std::string_view::npos);
    const Json list = *parse_json(ask(http::Method::get, "/labels").body);
    EXPECT_EQ(find_string(list, "device"), "gw-1");
    EXPECT_EQ(find_integer(list, "link.unsent"), 3);
    ASSERT_EQ(find(list, "questions")->as_array().size(), 1u);
    const auto shown = ask(http::Method::get, "/labels/0011223344");
    EXPECT_EQ(shown.body, mw::to_json(to_json(page_snippet())));
    const auto said = ask(http::Method::post, "/labels/0011223344/answer", {{"X-Millwright", "1"}},
                          R"({"label":true})");
    EXPECT_EQ(said.status, 200) << said.body;
    EXPECT_EQ(sent_, 1);
    EXPECT_TRUE(
        find(*parse_json(ask(http::Method::get, "/labels").body), "questions")->as_array().empty());
    EXPECT_EQ(ask(http::Method::get, "/labels/ff").status, 404);
    const std::string metrics = ask(http::Method::get, "/metrics").body;
    EXPECT_NE(metrics.find("millwright_edge_labels_answers_total 1"), std::string::npos) << metrics;
    EXPECT_NE(metrics.find("millwright_edge_labels_open 0"), std::string::npos);
    EXPECT_NE(metrics.find("millwright_edge_labels_ring_bytes"), std::string::npos);
}

TEST_F(LabelPage, takes_nothing_from_other_pages_of_the_browser) {
    open();
    const std::string yes = R"({"label":true})";
    EXPECT_EQ(ask(http::Method::post, "/labels/0011223344/answer", {}, yes).status, 403);
    EXPECT_EQ(ask(http::Method::post, "/labels/0011223344/answer",
                  {{"X-Millwright", "1"}, {"Host", "evil.example:80"}}, yes)
                  .status,
              403);
    EXPECT_EQ(ask(http::Method::get, "/labels", {{"Host", "evil.example"}}).status, 403);
    EXPECT_EQ(sent_, 0);
}

TEST_F(LabelPage, asks_for_the_token_when_there_is_one) {
    PageOptions options;
    options.token = "0123456789abcdef";
    open(options);
    EXPECT_EQ(ask(http::Method::get, "/").status, 200);  // the page asks the person for it
    EXPECT_EQ(ask(http::Method::get, "/labels").status, 401);
    EXPECT_EQ(
        ask(http::Method::get, "/labels", {{"Authorization", "Bearer 0123456789abcdeX"}}).status,
        401);
    EXPECT_EQ(
        ask(http::Method::get, "/labels", {{"Authorization", "Bearer 0123456789abcdef"}}).status,
        200);
}

TEST_F(LabelPage, is_not_open_to_others_without_tls_and_a_token) {
    PageOptions options;
    options.host = "0.0.0.0";
    EXPECT_EQ(check(options).error().code, Errc::invalid_input);
    options.token = "0123456789abcdef";
    EXPECT_EQ(check(options).error().code, Errc::invalid_input);
    options.certificate_pem = "c";
    EXPECT_EQ(check(options).error().code, Errc::invalid_input);
    options.key_pem = "k";
    EXPECT_TRUE(check(options));
    options.token = "short";
    EXPECT_EQ(check(options).error().code, Errc::invalid_input);
}

}  // namespace
}  // namespace mw::edge_labels
