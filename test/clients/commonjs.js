// A loader for packages that are CommonJS modules, as npm has them: require() in a page, one request per file.
{
  const base = '/node_modules/';
  const cache = new Map();
  const builtin = { process: { env: {} } };
  const get = (url) => {
    const x = new XMLHttpRequest();
    x.open('GET', url, false);
    x.send();
    return x.status === 200 ? x.responseText : undefined;
  };
  const join = (dir, path) => new URL(path, `http://x${dir}`).pathname;
  const main = (name) => {
    const about = JSON.parse(get(`${base}${name}/package.json`));
    return join(`${base}${name}/`, (typeof about.browser === 'string' && about.browser) || about.main || 'index.js');
  };
  const locate = (name, dir) => {
    const path = name.startsWith('.') ? join(dir, name) : name.includes('/') ? base + name : main(name);
    for (const end of ['', '.js', '/index.js']) {
      if (end === '' && !/\.(js|json)$/.test(path)) continue;
      const text = get(path + end);
      if (text !== undefined) return [path + end, text];
    }
    throw new Error(`no module ${name} from ${dir}`);
  };
  const load = (name, dir) => {
    const key = `${dir} ${name}`;
    if (cache.has(key)) return cache.get(key).exports;
    const [path, text] = locate(name, dir);
    if (cache.has(path)) return cache.get(path).exports;
    const module = { exports: {} };
    cache.set(key, module).set(path, module);
    if (path.endsWith('.json')) {
      module.exports = JSON.parse(text);
      return module.exports;
    }
    const here = path.slice(0, path.lastIndexOf('/') + 1);
    new Function('module', 'exports', 'require', 'process', 'global', `${text}\n//# sourceURL=${path}`)(
      module, module.exports, (n) => load(n, here), builtin.process, globalThis,
    );
    return module.exports;
  };
  globalThis.requireModule = (name) => load(name, base);
}
