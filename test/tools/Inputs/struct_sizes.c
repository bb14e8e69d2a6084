/* Sizes and offsets on 64-bit machines, as programs were compiled with them. */
#include "plait-c/plait.h"

#define CHECK(name, condition) typedef char name[(condition) ? 1 : -1]

CHECK(info_size, sizeof(plait_model_info) == 160);
CHECK(info_vocabulary, offsetof(plait_model_info, vocabulary) == 40);
CHECK(info_top_k, offsetof(plait_model_info, top_k) == 136);
CHECK(info_strategies, offsetof(plait_model_info, strategies) == 144); /* the size in version 1 */
CHECK(options_size, sizeof(plait_session_options) == 56);
CHECK(options_context, offsetof(plait_session_options, context) == 16);
CHECK(options_strategy, offsetof(plait_session_options, strategy) == 32); /* the size in version 1 */
CHECK(request_size, sizeof(plait_request) == 168);
CHECK(request_max_tokens, offsetof(plait_request, max_tokens) == 96);
CHECK(request_flags, offsetof(plait_request, flags) == 156);
CHECK(request_strategy, offsetof(plait_request, strategy) == 160); /* the size in version 1 */
CHECK(update_size, sizeof(plait_update) == 72);
CHECK(update_message, offsetof(plait_update, message) == 56);
CHECK(update_stop_string, offsetof(plait_update, stop_string) == 64);
CHECK(stats_size, sizeof(plait_stats) == 72);
CHECK(stats_tokens_per_round, offsetof(plait_stats, tokens_per_round) == 64);
CHECK(status_size, sizeof(plait_status) == 4);
CHECK(version, PLAIT_API_VERSION == 2);
