/**
 * Debian's Firefox, or the one that the environment variable `FIREFOX` names. Playwright cannot drive it, so
 * it is given a page that does its tests by itself and tells the result.
 */
import * as fs from "node:fs"

export const firefox: string | undefined = [
  process.env["FIREFOX"] ?? "",
  "/usr/bin/firefox-esr",
  "/usr/bin/firefox"
].find((path) => path !== "" && fs.existsSync(path))

/** For a profile of its own that asks nobody anything. */
export const firefoxPreferences: Readonly<Record<string, boolean | string | number>> = {
  "app.normandy.enabled": false,
  "app.update.auto": false,
  "browser.aboutwelcome.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "browser.tabs.remote.autostart": true,
  "datareporting.policy.dataSubmissionEnabled": false,
  "dom.ipc.processCount": 1,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
  "toolkit.telemetry.enabled": false
}
