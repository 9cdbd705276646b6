// The service worker: shows notifications of new photos, and opens the gallery. It caches no page.
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => event.waitUntil(show(event.data?.json() ?? {})));

async function show({ title = "FindMe", body = "", url = "/", language = "" }) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  // an open gallery shows the photos already; but an iPhone ends the subscription after three
  // messages without a notification
  const seen = pages.some((page) => page.visibilityState === "visible" && leadsTo(page, url));
  await self.registration.showNotification(title, {
    body,
    lang: language,
    // any version of the path is answered with the present file
    icon: "/static/0/icon-192.png",
    data: { url },
    tag: url,
    silent: seen,
    renotify: !seen,
  });
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.url ?? "/"));
});

async function open(url) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = pages.find((page) => leadsTo(page, url));
  return there ? there.focus() : self.clients.openWindow(url);
}

const leadsTo = (page, url) => page.url === new URL(url, self.location.origin).href;
