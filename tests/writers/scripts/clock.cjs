// Stop the clock: libraries write the current time, and have no option to set it

const RealDate = Date;

exports.stop = (time) => {
  global.Date = class extends RealDate {
    constructor(...given) {
      super(...(given.length ? given : [time]));
    }

    static now() {
      return RealDate.parse(time);
    }
  };
};
