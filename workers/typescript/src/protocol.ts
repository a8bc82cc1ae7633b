// The protocol: `proto/` is read at run time, and its types are generated into `gen` (npm run types).

import { credentials, loadPackageDefinition, type ChannelOptions } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { join } from "node:path";
import type { ProtoGrpcType } from "./gen/scheduler";

const definition = loadSync(["gdistributed/v1/scheduler.proto", "gdistributed/v1/server.proto"], {
  includeDirs: [join(__dirname, "../../../proto")],
  keepCase: true, // names as in the .proto files
  longs: String, // a number of JavaScript has 53 bits, an attempt 64
  enums: String,
  defaults: true,
  oneofs: true,
});
export const v1 = (loadPackageDefinition(definition) as unknown as ProtoGrpcType).gdistributed.v1;

// gRPC's own limit for what is received is 4 MiB, Limits.message_nbytes more. Pings find a dead peer.
export const RUNTIME = "typescript";

export const OPTIONS: ChannelOptions = {
  "grpc.max_receive_message_length": 256 << 20,
  "grpc.max_send_message_length": 256 << 20,
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.max_reconnect_backoff_ms": 5_000,
  "grpc.enable_http_proxy": 0,
};
export const insecure = () => credentials.createInsecure();
