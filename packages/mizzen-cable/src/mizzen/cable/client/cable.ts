// The browser client of mizzen.cable: Engine.IO v4 and Socket.IO v5 over one WebSocket.
//
//   const cable = new Cable("/cable");
//   const room = await cable.join("gist:1");
//   room.on("changed", (gist) => …);  room.on("presence", ({ members }) => …);
//   await room.send("typing", { text: "…" });
//
// It reconnects by itself, with jittered backoff, and joins its rooms again; a room then gets the
// event "rejoined", since it may have missed something meanwhile, or "lost" if it isn't let in again.

export type State = "connecting" | "connected" | "waiting" | "closed";
export type Member = { id: string; name: string | null; devices: number };
export type Presence = { joined: Member[]; left: Member[]; members: number };
export type Handler<T = any> = (payload: T) => void;
export type Options = { patience?: number; minDelay?: number; maxDelay?: number };

type Answer = { ok: boolean; data?: unknown; members?: Member[]; code?: string; error?: string };
type Waiting = { frame: string; again: boolean; resolve: (answer: Answer) => void; reject: (error: Error) => void };

const PASSING = ["unavailable", "timeout", "busy", "rate_limited"]; // worth another try

/** The cable said no, or (code "timeout", "closed") could not be asked. */
export class Refused extends Error {
  constructor(readonly code: string, message?: string) {
    super(message ?? code);
    this.name = "Refused";
  }
}

class Handlers {
  private readonly lists = new Map<string, Set<Handler>>();

  on(event: string, handler: Handler): () => void {
    const list = this.lists.get(event) ?? new Set();
    this.lists.set(event, list.add(handler));
    return () => void list.delete(handler);
  }

  emit(event: string, payload: unknown): void {
    for (const handler of [...(this.lists.get(event) ?? [])]) {
      try {
        handler(payload);
      } catch (error) {
        console.error(error); // one handler's mistake is not the next one's
      }
    }
  }
}

/** A joined topic. */
export class Room {
  members: Member[] = [];
  readonly handlers = new Handlers();

  constructor(private readonly cable: Cable, readonly topic: string) {}

  /** Call `handler` with each payload of an event; returns a function that stops that. */
  on<T = any>(event: string, handler: Handler<T>): () => void {
    return this.handlers.on(event, handler);
  }

  /** Send an event, and get what its handler returns; rejects with `Refused`. */
  async send<T = any>(event: string, payload?: unknown): Promise<T> {
    return (await this.cable.ask(event, this.topic, payload)).data as T;
  }

  leave(): Promise<void> {
    return this.cable.leave(this.topic);
  }

  /** Take an event in; presence keeps `members` current. */
  take(event: string, payload: any): void {
    if (event === "presence") {
      const changed = new Set([...payload.joined, ...payload.left].map((member: Member) => member.id));
      this.members = [...this.members.filter((member) => !changed.has(member.id)), ...payload.joined];
    }
    this.handlers.emit(event, payload);
  }
}

/** A connection to a cable; it opens at once and stays until `close()`. */
export class Cable {
  /** Called with each new state. */
  onstate: (state: State) => void = () => {};
  state: State = "connecting";

  private readonly rooms = new Map<string, Room>();
  private readonly joining = new Map<string, Promise<Room>>();
  private readonly direct = new Handlers();
  private readonly waiting = new Map<number, Waiting>();
  private readonly options: Required<Options>;
  private socket: WebSocket | undefined;
  private watch: ReturnType<typeof setTimeout> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private tolerance = 45_000;
  private attempts = 0;
  private next = 0;

  constructor(private readonly path = "/cable", options: Options = {}) {
    this.options = { patience: 10_000, minDelay: 500, maxDelay: 20_000, ...options };
    this.open();
  }

  /** Join a topic (once, however often it is asked for); rejects with `Refused`. */
  join(topic: string): Promise<Room> {
    const known = this.joining.get(topic);
    if (known) return known;
    const room = new Room(this, topic);
    const joined = this.ask("join", topic, undefined, true).then((answer) => {
      room.members = answer.members ?? [];
      if (this.joining.get(topic) === joined) this.rooms.set(topic, room);
      return room;
    });
    joined.catch(() => this.joining.delete(topic));
    this.joining.set(topic, joined);
    return joined;
  }

  async leave(topic: string): Promise<void> {
    this.joining.delete(topic);
    if (this.rooms.delete(topic) && this.state === "connected") await this.ask("leave", topic);
  }

  /** Hear events that are sent to this user rather than to a topic. */
  on<T = any>(event: string, handler: Handler<T>): () => void {
    return this.direct.on(event, handler);
  }

  close(): void {
    this.become("closed");
    clearTimeout(this.retry);
    clearTimeout(this.watch);
    this.socket?.close();
    for (const waiting of this.waiting.values()) waiting.reject(new Refused("closed"));
    this.waiting.clear();
  }

  /** Send an event and wait for its acknowledgement; while offline it waits for the connection. */
  ask(event: string, topic: string, payload?: unknown, again = false): Promise<Answer> {
    const number = this.next++;
    const frame = `42${number}${JSON.stringify(payload === undefined ? [event, topic] : [event, topic, payload])}`;
    return new Promise<Answer>((resolve, reject) => {
      if (this.state === "closed") return reject(new Refused("closed"));
      const timer = setTimeout(() => settle(() => reject(new Refused("timeout"))), this.options.patience);
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        this.waiting.delete(number);
        finish();
      };
      this.waiting.set(number, {
        frame,
        again,
        resolve: (answer) => settle(() => (answer.ok ? resolve(answer) : reject(new Refused(answer.code ?? "failed", answer.error)))),
        reject: (error) => settle(() => reject(error)),
      });
      if (this.state === "connected") this.socket?.send(frame);
    });
  }

  private open(): void {
    this.become("connecting");
    const base = new URL(this.path, typeof location === "undefined" ? undefined : location.href);
    base.protocol = base.protocol.replace("http", "ws");
    const socket = new WebSocket(`${base.href.replace(/\/$/, "")}/?EIO=4&transport=websocket`);
    this.socket = socket;
    this.stayAwake(this.options.patience);
    socket.onmessage = (message) => void (socket === this.socket && this.read(String(message.data)));
    socket.onclose = () => void (socket === this.socket && this.lost());
    socket.onerror = () => socket.close();
  }

  private read(frame: string): void {
    this.stayAwake(this.tolerance);
    if (frame[0] === "0") {
      const { pingInterval, pingTimeout } = JSON.parse(frame.slice(1));
      this.tolerance = pingInterval + pingTimeout;
      this.socket?.send("40");
    } else if (frame[0] === "2") this.socket?.send("3");
    else if (frame.startsWith("40")) this.connected();
    else if (frame.startsWith("42")) this.route(JSON.parse(frame.slice(2)));
    else if (frame.startsWith("43")) {
      const bracket = frame.indexOf("[");
      this.waiting.get(Number(frame.slice(2, bracket)))?.resolve(JSON.parse(frame.slice(bracket))[0]);
    } else if (frame.startsWith("41") || frame.startsWith("44")) this.socket?.close();
  }

  private route([event, payload, topic]: [string, unknown, string | null]): void {
    if (topic === null) this.direct.emit(event, payload);
    else this.rooms.get(topic)?.take(event, payload);
  }

  private connected(): void {
    this.attempts = 0;
    const queued = [...this.waiting.values()]; // asked while there was no connection
    this.become("connected");
    for (const room of this.rooms.values()) void this.rejoin(room);
    for (const { frame } of queued) this.socket?.send(frame);
  }

  private lost(): void {
    clearTimeout(this.watch);
    if (this.state === "closed") return;
    // What was sent may or may not have been handled; asking twice could do it twice. A first join
    // is asked again on the next connection: joining twice is joining.
    if (this.state === "connected") {
      for (const waiting of [...this.waiting.values()]) if (!waiting.again) waiting.reject(new Refused("disconnected"));
    }
    const ceiling = Math.min(this.options.maxDelay, this.options.minDelay * 2 ** this.attempts++);
    this.become("waiting");
    this.retry = setTimeout(() => this.open(), ceiling * (0.5 + Math.random() / 2));
  }

  /** Give a silent connection up: a cut network does not close a WebSocket by itself. */
  private stayAwake(patience: number): void {
    clearTimeout(this.watch);
    const socket = this.socket;
    this.watch = setTimeout(() => {
      if (socket !== this.socket) return;
      this.socket = undefined;
      socket?.close();
      this.lost();
    }, patience);
  }

  private become(state: State): void {
    if (this.state === state) return;
    this.state = state;
    this.onstate(state);
  }

  private async rejoin(room: Room): Promise<void> {
    try {
      room.members = (await this.ask("join", room.topic)).members ?? [];
      room.handlers.emit("rejoined", room.members);
    } catch (error) {
      if (this.rooms.get(room.topic) !== room || this.state !== "connected") return;
      if (!PASSING.includes((error as Refused).code)) room.handlers.emit("lost", error);
      else setTimeout(() => this.rooms.get(room.topic) === room && void this.rejoin(room), 4 * this.options.minDelay);
    }
  }
}
