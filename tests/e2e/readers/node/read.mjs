// Reads one webhook as receivers written in JavaScript do, and prints what they make of it.
// Standard input is JSON: {"reader": "octokit" | "cloudevents", "headers": {...}, "body": "...", "secret": "..."}.
import { readFileSync } from "node:fs";
import { HTTP } from "cloudevents";
import { Webhooks } from "@octokit/webhooks";

const { reader, headers, body, secret } = JSON.parse(readFileSync(0, "utf8"));

if (reader === "cloudevents") {
  const event = HTTP.toEvent({ headers, body });
  event.validate(); // reading alone accepts anything
  console.log(JSON.stringify({ ...event.toJSON(), data: event.data }));
} else {
  const hooks = new Webhooks({ secret });
  hooks.on("package", ({ id, name, payload }) => console.log(JSON.stringify({ id, name, payload })));
  hooks.on("registry_package", ({ id, name, payload }) => console.log(JSON.stringify({ id, name, payload })));
  await hooks.verifyAndReceive({
    id: headers["x-github-delivery"],
    name: headers["x-github-event"],
    payload: body,
    signature: headers["x-hub-signature-256"],
  });
}
