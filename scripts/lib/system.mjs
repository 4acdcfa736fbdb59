// What a machine needs before TaskPaw can be built, and how it gets it.
import { existsSync, readFileSync } from "node:fs";
import { output, run, say, StepError } from "./steps.mjs";

/** Debian's names of what the build needs. */
const BUILD_PACKAGES = [
  "build-essential",
  "pkg-config",
  "libwebkit2gtk-4.1-dev",
  "librsvg2-dev",
  "libdbus-1-dev",
];
/** What a window without a display needs: a virtual one, a private session bus, and letters to draw. */
const VIRTUAL_DISPLAY_PACKAGES = ["xvfb", "xauth", "dbus-daemon", "fonts-dejavu-core", "fonts-wqy-microhei"];
/** What the tests need besides: the driver of the real window, a window manager, what plays foreign holders, and networks. */
const TEST_PACKAGES = ["webkit2gtk-driver", "openbox", "python3", "procps", "iproute2"];

const ELSEWHERE = {
  fedora: "sudo dnf install gcc pkgconf-pkg-config webkit2gtk4.1-devel librsvg2-devel",
  arch: "sudo pacman -S --needed base-devel webkit2gtk-4.1 librsvg",
  suse: "sudo zypper install gcc pkg-config webkit2gtk3-soup2-devel librsvg-devel",
};

/** Makes sure that everything is there. On Debian and its kin it is installed; elsewhere it is named. */
export async function ensureSystem({ virtualDisplay = false, tests = false } = {}) {
  if (!output("cargo", ["--version"])) {
    throw new StepError(
      "Rust is missing: install it as https://rustup.rs says, open a new terminal, and try again.",
    );
  }
  if (process.platform === "darwin" && !output("xcode-select", ["-p"])) {
    throw new StepError(
      "Apple's command line tools are missing: run `xcode-select --install` and try again.",
    );
  }
  if (process.platform !== "linux") return;
  const wanted = [
    ...BUILD_PACKAGES,
    ...(virtualDisplay || tests ? VIRTUAL_DISPLAY_PACKAGES : []),
    ...(tests ? TEST_PACKAGES : []),
  ];
  if (isDebian()) await installDebian(wanted);
  else if (!output("pkg-config", ["--modversion", "webkit2gtk-4.1"])) throw new StepError(elsewhere());
}

/** Whether this is Debian or of its kin. */
export function isDebian() {
  return process.platform === "linux" && existsSync("/etc/debian_version");
}

/** Whether these packages are here, or can be installed: Debian's lists name them. */
export async function canInstallDebian(wanted) {
  if (!isDebian()) return false;
  const missing = wanted.filter((name) => !isInstalled(name));
  if (missing.every(debianVersion)) return true;
  // A new machine has no lists yet.
  await apt("update", "-qq").catch(() => {});
  return missing.every(debianVersion);
}

/** The version of a package that is installed, or would be. */
export function debianVersion(name) {
  return /^\s+Candidate: (\d\S*)/m.exec(output("apt-cache", ["policy", name]) ?? "")?.[1];
}

/** Installs those of these packages that are missing. */
export async function installDebian(wanted) {
  const missing = wanted.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  say(`installing ${missing.join(", ")}${sudo().length ? " (this asks for your password)" : ""}`);
  await apt("update", "-qq");
  await apt("install", "-y", "-qq", "--no-install-recommends", ...missing);
}

function apt(...args) {
  const [command, ...rest] = [...sudo(), "apt-get", ...args];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return run(command, rest, { env, stdio: ["inherit", process.stderr, process.stderr] });
}

function sudo() {
  return process.getuid() === 0 ? [] : ["sudo"];
}

function isInstalled(name) {
  // A package may be there for several architectures: one line each.
  const states = output("dpkg-query", ["-W", "-f", "${db:Status-Status}\n", name]);
  return states?.split("\n").includes("installed") ?? false;
}

function elsewhere() {
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  const kin = Object.keys(ELSEWHERE).find((name) => new RegExp(`^ID(_LIKE)?=.*${name}`, "m").test(release));
  const how = kin
    ? `run \`${ELSEWHERE[kin]}\``
    : "install the development files of WebKitGTK 4.1 and librsvg";
  return `WebKitGTK 4.1 is missing: ${how}, and try again.`;
}
